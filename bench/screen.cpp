#include "bench/screen.h"

#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "bench/commands.h"
#include "harness/support/wrapped.h"

namespace connbench {
namespace {

int out_failed_with = 0;

void note_failure(bool failed) {
  if (failed && out_failed_with == 0) out_failed_with = std::max(errno, 1);
}

}  // namespace

void print_out(std::string_view text) {
  note_failure(std::fwrite(text.data(), 1, text.size(), stdout) != text.size());
}

int flush_out() {
  note_failure(std::fflush(stdout) != 0);
  return out_failed_with;
}

void say(std::string_view message) {
  const std::string line = fmt::format("connbench: {}\n", message);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

size_t screen_width() {
  return output_columns(STDOUT_FILENO);
}

namespace {

void print_paragraphs(std::string_view heading, const std::vector<std::string>& texts) {
  const TableWriter writer(screen_width());
  for (const std::string& text : texts) print_out(writer.paragraph(fmt::format("{}: {}", heading, text)));
}

}  // namespace

void print_warnings(const std::vector<std::string>& warnings) {
  print_paragraphs("warning", warnings);
}

void print_unfit(const std::vector<std::string>& reasons) {
  print_paragraphs("not fit to measure", reasons);
}

// Not wrapped: a path and a command are there to be copied.
void print_records(const std::filesystem::path& folder, bool complete) {
  print_out(fmt::format("records: {}\n", folder.string()));
  if (complete) print_out(fmt::format("next: connbench report {}\n", folder.string()));
  flush_out();
}

int interrupted(const std::filesystem::path& folder, int signal) {
  say(
      fmt::format("interrupted; the table shows what was measured until then, and the records in {} say "
                  "\"complete\": false",
                  folder.string()));
  return signal_base + signal;
}

int interrupted_while_counting(int signal) {
  say("interrupted while system calls were being counted: nothing was measured yet (--syscalls off skips this)");
  return signal_base + signal;
}

int interrupted_while_waiting(int signal) {
  say("interrupted while waiting for a reader of the FIFO: nothing was measured yet");
  return signal_base + signal;
}

int broken_by_death_of(const std::string& process) {
  say(fmt::format("{} died; what was measured so far is recorded, the rest was not run", process));
  return broke;
}

}  // namespace connbench
