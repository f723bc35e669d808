#include "bench/screen.h"

#include <fmt/format.h>
#include <unistd.h>

#include "bench/commands.h"
#include "harness/support/wrapped.h"

namespace connbench {

size_t screen_width() {
  return output_columns(STDOUT_FILENO);
}

void print_warnings(const std::vector<std::string>& warnings) {
  const TableWriter writer(screen_width());
  for (const std::string& warning : warnings) fmt::print("{}", writer.paragraph("warning: " + warning));
}

// Not wrapped: a path and a command are there to be copied.
void print_records(const std::filesystem::path& folder, bool complete) {
  fmt::print("records: {}\n", folder.string());
  if (complete) fmt::print("next: scripts/report {}\n", folder.string());
  std::fflush(stdout);
}

int interrupted(const std::filesystem::path& folder, int signal) {
  fmt::print(stderr,
             "connbench: interrupted; the table shows what was measured until then, and the records in {} say "
             "\"complete\": false\n",
             folder.string());
  return signal_base + signal;
}

int interrupted_while_counting(int signal) {
  fmt::print(stderr,
             "connbench: interrupted while system calls were being counted: nothing was measured yet (--syscalls off "
             "skips this)\n");
  return signal_base + signal;
}

int broken_by_death_of(const std::string& process) {
  fmt::print(stderr, "connbench: {} died; what was measured so far is recorded, the rest was not run\n", process);
  return broke;
}

}  // namespace connbench
