#include "harness/support/kernel_names.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <array>
#include <cstddef>

namespace connbench {

std::string tcp_state_name(int state) {
  // The last one is TCP_NEW_SYN_RECV, a request that is not a socket yet. Few tools show it as a state of its own.
  constexpr std::array names{"CLOSED", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
                             "CLOSED", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "SYN_RECV"};
  const auto index = static_cast<size_t>(state);
  return index < names.size() ? names[index] : fmt::format("state {}", state);
}

std::vector<std::string_view> epoll_event_names(uint32_t events) {
  struct Bit {
    uint32_t bit;
    std::string_view name;
  };
  constexpr Bit bits[] = {{EPOLLIN, "IN"},   {EPOLLPRI, "PRI"},     {EPOLLOUT, "OUT"},         {EPOLLERR, "ERR"},
                          {EPOLLHUP, "HUP"}, {EPOLLRDHUP, "RDHUP"}, {EPOLLONESHOT, "ONESHOT"}, {EPOLLET, "ET"}};
  std::vector<std::string_view> names;
  for (const auto& [bit, name] : bits)
    if ((events & bit) != 0) names.push_back(name);
  return names;
}

}  // namespace connbench
