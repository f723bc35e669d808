#include "harness/support/kernel_names.h"

#include <gmock/gmock.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>

namespace connbench {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TcpStateName, IsTheKernelsName) {
  for (const auto& [state, name] : {std::pair{TCP_ESTABLISHED, "ESTABLISHED"},
                                    {TCP_SYN_SENT, "SYN_SENT"},
                                    {TCP_SYN_RECV, "SYN_RECV"},
                                    {TCP_FIN_WAIT1, "FIN_WAIT1"},
                                    {TCP_FIN_WAIT2, "FIN_WAIT2"},
                                    {TCP_TIME_WAIT, "TIME_WAIT"},
                                    {TCP_CLOSE, "CLOSED"},
                                    {TCP_CLOSE_WAIT, "CLOSE_WAIT"},
                                    {TCP_LAST_ACK, "LAST_ACK"},
                                    {TCP_LISTEN, "LISTEN"},
                                    {TCP_CLOSING, "CLOSING"}})
    EXPECT_EQ(tcp_state_name(state), name);
}

TEST(TcpStateName, OfARequestThatIsNotASocketYetIsSynRecv) {
  EXPECT_EQ(tcp_state_name(TCP_CLOSING + 1), "SYN_RECV");
}

TEST(TcpStateName, OfNoSocketIsClosed) {
  EXPECT_EQ(tcp_state_name(0), "CLOSED");
}

TEST(TcpStateName, OfAnUnknownStateIsItsNumber) {
  EXPECT_EQ(tcp_state_name(99), "state 99");
  EXPECT_EQ(tcp_state_name(-1), "state -1");
}

TEST(EpollEventNames, ListTheBitsThatAreSet) {
  EXPECT_THAT(epoll_event_names(EPOLLOUT | EPOLLERR | EPOLLHUP), ElementsAre("OUT", "ERR", "HUP"));
  EXPECT_THAT(epoll_event_names(EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLONESHOT | EPOLLET),
              ElementsAre("IN", "PRI", "RDHUP", "ONESHOT", "ET"));
  EXPECT_THAT(epoll_event_names(0), IsEmpty());
}

TEST(EpollEventNames, AreThoseOfPollToo) {
  EXPECT_THAT(epoll_event_names(static_cast<uint32_t>(POLLIN | POLLOUT | POLLERR | POLLHUP)),
              ElementsAre("IN", "OUT", "ERR", "HUP"));
}

}  // namespace
}  // namespace connbench
