// connbench: a laboratory for connect(). All of the program but main().
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <system_error>
#include <vector>

#include "bench/commands.h"
#include "harness/support/units.h"

namespace {

using namespace connbench;

int complain(const std::exception& error, int status) {
  fmt::print(stderr, "connbench: {}\n", error.what());
  return status;
}

void refuse_unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string_view> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(command->get_name());
  if (std::ranges::count(known, argv[1]) == 0) throw std::invalid_argument(unknown_name("command", argv[1], known));
}

int run(int argc, char** argv) {
  CLI::App app{"connbench: every way to open a TCP connection, measured."};
  app.set_version_flag("--version", CONNBENCH_VERSION);
  app.require_subcommand(1);
  int status = done;
  add_list(app, status);
  add_doctor(app, status);
  add_run(app, status);
  add_exhaust(app, status);
  add_probe(app, status);
  add_trace(app, status);
  refuse_unknown_command(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? done : unusable;
  }
  return status;
}

// A record file must never get the number of a standard stream that was closed: the table would be written into it.
void fill_standard_descriptors() {
  int fd = 0;
  do fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

// What could not be printed was not reported.
int checked_output(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
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
  } catch (const std::exception& error) {
    return complain(error, broke);
  }
}

int connbench::command_line(int argc, char** argv) {
  fill_standard_descriptors();
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of write(), and is reported as one
  return guarded([&] { return run(argc, argv); });
}
