// connbench: a laboratory for connect(). All of the program but main().
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>
#include <vector>

#include "bench/command_help.h"
#include "bench/commands.h"
#include "bench/version.h"
#include "harness/machine/shortage.h"
#include "harness/support/units.h"

namespace {

using namespace connbench;

int complain(const std::exception& error, int status) {
  fmt::print(stderr, "connbench: {}\n", with_remedy(error));
  return status;
}

// Where something ran out that the machine, or who started this program, could give more of, the run did not break.
int complain_of_failure(const std::exception& error) {
  return complain(error, remedy_for(error) ? machine_lacks : broke);
}

int print(const std::string& text) {
  fmt::print("{}", text);
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
  throw std::invalid_argument(unknown_name("command", name, known));
}

// "connbench help run" is "connbench run --help".
int print_help(const std::vector<Command>& commands, std::span<const std::string> words) {
  if (words.empty() || asks_for_help(words)) return print(help_of_program(commands));
  return print(help_of(find_command(commands, words.front())));
}

int run(const std::vector<std::string>& words) {
  const std::vector<Command> commands{list_command(),    doctor_command(), run_command(),
                                      exhaust_command(), probe_command(),  trace_command()};
  if (words.empty()) throw std::invalid_argument("a command is needed; see connbench --help");
  const std::span rest = std::span(words).subspan(1);
  if (asks_for_help(std::span(words).first(1))) return print(help_of_program(commands));
  if (words.front() == "--version") return print(version_text());
  if (words.front() == "help") return print_help(commands, rest);
  const Command& command = find_command(commands, words.front());
  if (asks_for_help(rest)) return print(help_of(command));
  read_flags(command, rest);
  return command.run();
}

// A record file must never get the number of a standard stream that was closed: the table would be written into it.
void fill_standard_descriptors() {
  int fd = 0;
  do fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

// What a shell shows for a program that SIGPIPE ended. In the lab the signal does not end it, because there it is the
// first process of its namespace.
constexpr int reader_left = signal_base + SIGPIPE;

// Whether stdout is a pipe whose reader has ended, as "head" does when it has seen enough.
bool reader_is_gone() {
  pollfd out{STDOUT_FILENO, 0, 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

// Output that could not be written was not reported: that is a failure.
int checked_output(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  if (reader_is_gone()) return reader_left;
  fmt::print(stderr, "connbench: cannot write to stdout\n");
  return broke;
}

}  // namespace

int connbench::guarded(const std::function<int()>& command) {
  try {
    return checked_output(command());
  } catch (const std::invalid_argument& error) {
    return complain(error, unusable);
  } catch (const MachineLacks& error) {
    return complain(error, machine_lacks);
  } catch (const std::system_error& error) {
    if (error.code().value() == EPIPE && reader_is_gone()) return reader_left;
    return complain_of_failure(error);
  } catch (const std::exception& error) {
    return complain_of_failure(error);
  }
}

int connbench::command_line(int argc, char** argv) {
  fill_standard_descriptors();
  ::signal(SIGXFSZ, SIG_IGN);  // a file at its size limit is then an error of write(), and reported as one
  return guarded([&] { return run({argv + std::min(argc, 1), argv + argc}); });
}
