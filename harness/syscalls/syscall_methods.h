// The methods of counting system calls, for syscall_counter.cpp only.
#pragma once

#include <memory>
#include <string>

#include "harness/support/unique_fd.h"
#include "harness/syscalls/syscall_counter.h"

namespace connbench {

/// Uses the tracepoint raw_syscalls:sys_enter through perf events. Counts calls as they are entered.
/// @throws std::system_error
std::unique_ptr<SyscallCounter> make_tracepoint_counter(pid_t child);
/// What to do about an `error` of make_tracepoint_counter(); "" when nothing is known to help.
std::string tracepoint_remedy(int error);

/// Attaches strace -c. Counts calls as they return, so `exit` is not among them.
/// @throws std::system_error
std::unique_ptr<SyscallCounter> make_strace_counter(pid_t child);
std::string strace_remedy(int error);

/// Moves the file to a number that select() cannot use, so that connectors keep the low ones, if RLIMIT_NOFILE allows.
UniqueFd out_of_the_way(UniqueFd fd) noexcept;

}  // namespace connbench
