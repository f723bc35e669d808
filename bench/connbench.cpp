// connbench: a laboratory for connect(). All of the program but main().
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "bench/cluster_worker.h"
#include "bench/command_help.h"
#include "bench/commands.h"
#include "bench/companions.h"
#include "bench/completion.h"
#include "bench/screen.h"
#include "bench/version.h"
#include "harness/connector/registry.h"
#include "harness/machine/inherited.h"
#include "harness/machine/shortage.h"
#include "harness/process/known_state.h"
#include "harness/support/standard_streams.h"
#include "harness/support/units.h"

namespace {

using namespace connbench;

// One line, whatever the user's own words contain: control characters are shown as \xNN, and move no cursor.
std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return line;
}

int complain(const std::exception& error, int status) {
  say(on_one_line(with_remedy(error)));
  return status;
}

// Where something ran out that the machine, or who started this program, could give more of, the run did not break.
int complain_of_failure(const std::exception& error) {
  return complain(error, remedy_for(error) ? machine_lacks : broke);
}

int print(const std::string& text) {
  print_out(text);
  return done;
}

const Command& find_command(const std::vector<Command>& commands, const std::string& name) {
  const auto found = std::ranges::find(commands, name, &Command::name);
  if (found != commands.end()) return *found;
  if (name.starts_with("--") && std::ranges::count(commands, name.substr(2), &Command::name) > 0)
    throw std::invalid_argument(fmt::format("unknown option {}; did you mean connbench {}?", name, name.substr(2)));
  if (name.starts_with('-')) throw std::invalid_argument(unknown_option(name, {"--help", "--version"}, "connbench"));
  std::vector<std::string_view> known;
  for (const Command& command : commands) known.push_back(command.name);
  for (const Companion& companion : companions()) known.push_back(companion.name);
  throw std::invalid_argument(unknown_name("command", name, known));
}

// "connbench help run" is "connbench run --help".
int print_help(const std::vector<Command>& commands, std::span<const std::string> words) {
  if (words.empty() || asks_for_help(words)) return print(help_of_program(commands));
  if (const Companion* companion = find_companion(words.front()))
    become_companion(*companion, std::vector<std::string>{"--help"});
  return print(help_of(find_command(commands, words.front())));
}

// For the shell (packaging/completions/). What may follow a program in Python, only that program knows.
int print_completions(const std::vector<Command>& commands, std::span<const std::string> words) {
  if (const auto completions = complete(commands, words)) return print(text_of(*completions));
  ::setenv(companion_completes, "1", 1);
  become_companion(*find_companion(words.front()), words.subspan(1));
}

int run(const std::vector<std::string>& words) {
  const std::vector<Command> commands = all_commands();
  if (words.empty()) throw std::invalid_argument("a command is needed; see connbench --help");
  const std::span rest = std::span(words).subspan(1);
  if (asks_for_help(std::span(words).first(1))) return print(help_of_program(commands));
  if (words.front() == "--version") return print(version_text());
  if (words.front() == "help") return print_help(commands, rest);
  if (words.front() == complete_command) return print_completions(commands, rest);
  if (const Companion* companion = find_companion(words.front())) become_companion(*companion, rest);
  if (words.front() == "cluster-worker") return cluster_worker(rest);  // not for people, so --help does not list it
  const Command& command = find_command(commands, words.front());
  if (asks_for_help(rest)) return print(help_of(command));
  read_flags(command, rest);
  return command.run();
}

// Variables that would make a library work in another way under the name of its connector.
void remove_steering_variables() {
  for (const ConnectorEntry* entry : all_connectors()) remove_variables(entry->steered_by);
}

// Output that could not be written was not reported: that is a failure, unless the command has a worse one. A reader
// that has left, as "head" does when it has seen enough, needs no message.
int checked_output(int status) {
  const int error = flush_out();
  if (error == 0) return status;
  if (error == EPIPE) return status == done ? reader_left : status;
  say(fmt::format("cannot write to stdout: {}", std::strerror(error)));
  return status == done ? broke : status;
}

}  // namespace

std::vector<connbench::Command> connbench::all_commands() {
  return {list_command(),  doctor_command(), run_command(),   exhaust_command(),
          probe_command(), trace_command(),  check_command(), cluster_command()};
}

int connbench::guarded(const std::function<int()>& command) {
  try {
    return checked_output(command());
  } catch (const std::invalid_argument& error) {
    return complain(error, unusable);
  } catch (const MachineLacks& error) {
    return complain(error, machine_lacks);
  } catch (const std::exception& error) {
    return complain_of_failure(error);
  }
}

int connbench::command_line(int argc, char** argv) {
  enter_known_state();
  remove_steering_variables();
  inherited_state();  // read before a lab hides some of it
  return guarded([&] { return run({argv + std::min(argc, 1), argv + argc}); });
}
