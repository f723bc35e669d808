#include "harness/connector/connector.h"

#include <string_view>

namespace connbench {

std::string_view to_string(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::unknown:
      return "";
    case Protocol::tcp:
      return "tcp";
    case Protocol::mptcp:
      return "mptcp";
  }
  return "";
}

std::string_view to_string(Capabilities::Threads threads) noexcept {
  switch (threads) {
    case Capabilities::Threads::none:
      return "none";
    case Capabilities::Threads::per_attempt:
      return "per attempt";
    case Capabilities::Threads::pool:
      return "pool";
    case Capabilities::Threads::runtime:
      return "runtime";
    case Capabilities::Threads::processes:
      return "processes";
  }
  return "";
}

std::string_view to_string(Capabilities::DeadlineBy deadline_by) noexcept {
  switch (deadline_by) {
    case Capabilities::DeadlineBy::kernel:
      return "kernel";
    case Capabilities::DeadlineBy::socket_option:
      return "socket option";
    case Capabilities::DeadlineBy::wait:
      return "wait";
    case Capabilities::DeadlineBy::timer:
      return "timer";
    case Capabilities::DeadlineBy::signal:
      return "signal";
    case Capabilities::DeadlineBy::linked_request:
      return "linked request";
  }
  return "";
}

}  // namespace connbench
