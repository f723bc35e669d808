#include "probe/words.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "harness/support/unique_fd.h"
#include "harness/support/units.h"

namespace connbench::probe {

std::string to_string(const Returned& returned) {
  return returned.error == 0 ? fmt::format("{}", returned.value)
                             : fmt::format("{} {}", returned.value, error_name(returned.error));
}

std::string error_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : fmt::format("error {}", error);
}

// poll() and epoll use the same values for these bits.
std::string ready_bits(uint32_t events) {
  std::string text;
  for (const auto& [bit, name] : {std::pair{uint32_t{EPOLLIN}, "IN"},
                                  {uint32_t{EPOLLPRI}, "PRI"},
                                  {uint32_t{EPOLLOUT}, "OUT"},
                                  {uint32_t{EPOLLERR}, "ERR"},
                                  {uint32_t{EPOLLHUP}, "HUP"},
                                  {uint32_t{EPOLLRDHUP}, "RDHUP"}})
    if ((events & bit) != 0) text += fmt::format("{}{}", text.empty() ? "" : " ", name);
  return text.empty() ? "-" : text;
}

std::string tcp_state(int state) {
  switch (state) {
    case TCP_ESTABLISHED:
      return "ESTABLISHED";
    case TCP_SYN_SENT:
      return "SYN_SENT";
    case TCP_SYN_RECV:
      return "SYN_RECV";
    case TCP_FIN_WAIT1:
      return "FIN_WAIT_1";
    case TCP_FIN_WAIT2:
      return "FIN_WAIT_2";
    case TCP_TIME_WAIT:
      return "TIME_WAIT";
    case TCP_CLOSE:
      return "CLOSED";
    case TCP_CLOSE_WAIT:
      return "CLOSE_WAIT";
    case TCP_LAST_ACK:
      return "LAST_ACK";
    case TCP_LISTEN:
      return "LISTEN";
    case TCP_CLOSING:
      return "CLOSING";
    case TCP_CLOSING + 1:  // TCP_NEW_SYN_RECV: how /proc and sock_diag may call a request that is not a socket yet
      return "SYN_RECV";
    default:
      return fmt::format("state {}", state);
  }
}

int so_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  checked(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt(SO_ERROR)");
  return error;
}

std::string spread(std::vector<Duration> durations) {
  if (durations.empty()) return "none";
  std::ranges::sort(durations);
  if (durations.size() == 1) return human_readable(durations.front());
  return fmt::format("median {}, longest {} of {}", human_readable(durations[(durations.size() - 1) / 2]),
                     human_readable(durations.back()), durations.size());
}

}  // namespace connbench::probe
