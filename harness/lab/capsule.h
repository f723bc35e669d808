// A child process with namespaces of its own: what it makes in them is gone when it ends, however it ends.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

namespace connbench::lab {

/// The lab cannot be made here. The message says what was refused, and what to do about it.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// How a process in a capsule came to its rights.
enum class Rights : uint8_t {
  machine,    ///< the caller's own: CAP_SYS_ADMIN outside
  user_space  ///< those of a user namespace of its own: they end at its border
};

/// Runs `inside` in a child that is process 1 of a PID namespace, with mount and network namespaces of its own, /proc
/// mounted anew, and the same user. SIGINT, SIGTERM and SIGHUP are passed on to it; it dies with the caller, and with
/// it everything that it has started.
///
/// To be called while the process has one thread. Returns the child's exit status.
/// @throws Unavailable when the namespaces are refused; what `inside` threw, as Unavailable, std::invalid_argument or
/// std::runtime_error; std::runtime_error when a signal ended the child
int run_in_capsule(const std::function<int(Rights)>& inside);

}  // namespace connbench::lab
