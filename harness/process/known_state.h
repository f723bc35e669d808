// The state in which our programs work, whatever their parent left them in. docs/inherited-state.md lists what a
// process inherits, and what becomes of each.
#pragma once

#include <span>
#include <string_view>

namespace connbench {

/// The first thing to do in main(). From then on
/// - descriptors 0 to 2 are open, and writing to stdout and stderr waits where the parent made them non-blocking;
/// - no signal is blocked, and none is ignored but SIGPIPE, SIGXFSZ and those that the parent may ignore to protect the
/// process
///   (nohup, the "&" of a shell): SIGHUP, SIGINT, SIGQUIT, SIGTERM, those of a time limit, those of a terminal;
/// - /proc/self belongs to the user, also where the program's file may be executed but not read.
void enter_known_state();

/// Whether this process ignores the signal.
bool ignores(int signal) noexcept;

/// Removes variables from the environment, of this process and of what it executes. A name that ends in '*' stands for
/// all names that begin so. Call it while the process has one thread.
void remove_variables(std::span<const std::string_view> names);

}  // namespace connbench
