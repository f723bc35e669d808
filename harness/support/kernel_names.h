// Numbers of the kernel and the names that its documentation gives them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace connbench {

/// A TCP state as netinet/tcp.h numbers it: "SYN_SENT", "FIN_WAIT1". 0, no such socket, is "CLOSED", as in TCP's own
/// diagram. "state 99" for a number without a name.
std::string tcp_state_name(int state);

/// The names of the bits set in `events`, as epoll numbers them and poll() too where it has them: "IN", "RDHUP", "ET".
std::vector<std::string_view> epoll_event_names(uint32_t events);

}  // namespace connbench
