// The subcommands of connbench, one file each.
#pragma once

#include <functional>
#include <stdexcept>
#include <vector>

#include "bench/command_line.h"

namespace connbench {

/// Exit statuses of every subcommand.
enum ExitStatus : int {
  done = 0,
  check_failed = 1,   ///< ran, but a check failed: an outcome that its target does not explain, a failed wave
  unusable = 2,       ///< the arguments cannot be used
  machine_lacks = 3,  ///< this machine lacks what was asked for
  broke = 5,          ///< the run broke: disk, server, link
  signal_base = 128,  ///< ended by a signal: 128 + its number
};

/// This machine cannot do what was asked; the message says what it lacks and how to get it.
struct MachineLacks : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The whole program: what main() receives and returns. Call it once, before anything else.
int command_line(int argc, char** argv);

/// Runs `command` and returns its status. An exception is reported on stderr and becomes the status it stands for.
int guarded(const std::function<int()>& command);

/// The subcommands. Each prints results on stdout and messages for people on stderr; std::invalid_argument from its
/// run() means unusable arguments.
Command list_command();
Command doctor_command();
Command run_command();
Command exhaust_command();
Command probe_command();
Command trace_command();
Command check_command();
Command cluster_command();

/// All of them, in the order of --help.
std::vector<Command> all_commands();

}  // namespace connbench
