// A child process with its own namespaces. Everything it creates in them disappears when it ends, however it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace connbench::lab {

/// The lab cannot be created here. The message says what was refused and how to fix it.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where a process in a capsule gets its privileges from.
enum class Rights : uint8_t {
  machine,    ///< from the caller, which has CAP_SYS_ADMIN on this machine
  user_space  ///< from a new user namespace; they are valid only inside it
};

/// Runs `inside` in a child that is process 1 of a new PID namespace, with new mount and network namespaces, a fresh
/// /proc and the same user. SIGINT, SIGTERM and SIGHUP are forwarded to it. It dies with the caller, and every process
/// it has started dies with it.
///
/// Call this while the process has a single thread. Returns the child's exit status.
/// @throws Unavailable when the namespaces are refused; whatever `inside` threw, as Unavailable, std::invalid_argument
/// or std::runtime_error; std::runtime_error when a signal killed the child
int run_in_capsule(const std::function<int(Rights)>& inside);

}  // namespace connbench::lab
