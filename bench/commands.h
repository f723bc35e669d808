// The subcommands of connbench, one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <stdexcept>

namespace connbench {

/// Exit statuses of every subcommand.
enum ExitStatus : int {
  done = 0,
  check_failed = 1,   ///< ran, but a check failed: an outcome that its target does not explain, a failed wave
  unusable = 2,       ///< the arguments cannot be used
  machine_lacks = 3,  ///< this machine lacks what was asked
  broke = 5,          ///< the run broke: disk, server, link
  signal_base = 128,  ///< ended by a signal: 128 + its number
};

/// This machine cannot do what was asked; the message says what it lacks and how to get it.
struct MachineLacks : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The whole program: what its main() is given, and what it returns. To be called once, first of all.
int command_line(int argc, char** argv);

/// Runs `command` and returns its status; what it throws is told on stderr and becomes the status it stands for.
int guarded(const std::function<int()>& command);

/// Each adds its subcommand; when that is chosen, `status` becomes its exit status. Messages for people go to stderr,
/// results to stdout. std::invalid_argument means unusable arguments.
void add_list(CLI::App& app, int& status);
void add_doctor(CLI::App& app, int& status);
void add_run(CLI::App& app, int& status);
void add_exhaust(CLI::App& app, int& status);
void add_probe(CLI::App& app, int& status);
void add_trace(CLI::App& app, int& status);

}  // namespace connbench
