#include "harness/connector/connector.h"

#include <string_view>

namespace connbench {

std::string_view to_string(Traits::Threads threads) noexcept {
  switch (threads) {
    case Traits::Threads::none:
      return "none";
    case Traits::Threads::per_attempt:
      return "per attempt";
    case Traits::Threads::pool:
      return "pool";
  }
  return "";
}

std::string_view to_string(Traits::DeadlineBy deadline_by) noexcept {
  switch (deadline_by) {
    case Traits::DeadlineBy::kernel:
      return "kernel";
    case Traits::DeadlineBy::socket_option:
      return "socket option";
    case Traits::DeadlineBy::wait:
      return "wait";
    case Traits::DeadlineBy::timer:
      return "timer";
    case Traits::DeadlineBy::signal:
      return "signal";
    case Traits::DeadlineBy::linked_request:
      return "linked request";
  }
  return "";
}

}  // namespace connbench
