// The ways of counting system calls, for syscall_counter.cpp only.
#pragma once

#include <memory>
#include <string>

#include "harness/support/unique_fd.h"
#include "harness/syscalls/syscall_counter.h"

namespace connbench {

/// The kernel's raw_syscalls:sys_enter through perf events. Counts calls as they are entered.
/// @throws std::system_error
std::unique_ptr<SyscallCounter> make_tracepoint_counter();
/// What to do about an `error` of the above; empty when nothing is known to help.
std::string tracepoint_remedy(int error);

/// strace -c, attached to this process. Counts calls as they return, so that `exit` is not among them.
/// @throws std::system_error
std::unique_ptr<SyscallCounter> make_strace_counter();
std::string strace_remedy(int error);

/// The same file under a number that a select() based connector will not miss, where RLIMIT_NOFILE has such numbers.
UniqueFd out_of_the_way(UniqueFd fd) noexcept;

}  // namespace connbench
