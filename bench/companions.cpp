#include "bench/companions.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <vector>

#include "bench/commands.h"

namespace connbench {
namespace {

constexpr const char* folder_variable = "CONNBENCH_EXEC_PATH";

constexpr Companion known[] = {
    {"report", "makes one page of finished runs: verdict, comparison and charts"},
    {"compare", "compares two finished runs"},
    {"regress", "measures two programs in pairs: is a change slower?"},
    {"exact", "compares exact costs (system calls, allocations) with a baseline"},
    {"history", "appends a finished run to a history"},
    {"table", "measures all connectors, and prints one table"},
    {"study", "tests published claims about connecting on this machine"},
    {"export", "writes percentiles and outcomes of a run for other tools"},
};

// Found as git finds its programs: relative to the executable, so that an installation can be moved.
std::filesystem::path folder_of_companions() {
  if (const char* given = std::getenv(folder_variable); given != nullptr && *given != '\0') return given;
  const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe");
  return (executable.parent_path() / CONNBENCH_COMPANIONS_FROM_BIN).lexically_normal();
}

}  // namespace

std::span<const Companion> companions() {
  return known;
}

const Companion* find_companion(std::string_view name) {
  const auto* found = std::ranges::find(known, name, &Companion::name);
  return found == std::end(known) ? nullptr : found;
}

void become_companion(const Companion& companion, std::span<const std::string> words) {
  const std::filesystem::path program = folder_of_companions() / companion.name;
  if (!std::filesystem::exists(program))
    throw MachineLacks(
        fmt::format("connbench {} needs {}, which is not there: use an installed connbench (cmake --install), or name "
                    "the folder of its programs in {}",
                    companion.name, program.string(), folder_variable));
  std::vector<std::string> arguments{program.string()};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execv(program.c_str(), pointers.data());
  // The program is there, so what execv() does not find is the interpreter.
  const std::string why = errno == ENOENT
                              ? "its interpreter, /usr/bin/python3, is not installed: apt-get install python3"
                              : std::strerror(errno);
  throw MachineLacks(fmt::format("connbench {} cannot start {}: {}", companion.name, program.string(), why));
}

}  // namespace connbench
