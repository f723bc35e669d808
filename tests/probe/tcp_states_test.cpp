// TCP states as the kernel reports them, and simulated dead peers.
#include "probe/tcp_states.h"

#include <gmock/gmock.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "probe/dead_peer.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/words.h"

namespace connbench::probe {
namespace {

// The socket connected to `remote`: other processes use this machine's loopback too.
std::optional<ListedSocket> listed(uint16_t local, uint16_t remote) {
  for (const ListedSocket& socket : sockets_at_port(local))
    if (socket.remote_port == remote) return socket;
  return std::nullopt;
}

TEST(States, AreListedForBothEnds) {
  const Pair pair = connected_pair();
  const uint16_t client = Endpoint::of_socket(pair.client.get()).port();
  const uint16_t server = Endpoint::of_socket(pair.server.get()).port();
  EXPECT_EQ(tcp_state_of(pair.client.get()), TCP_ESTABLISHED);
  ASSERT_TRUE(listed(client, server).has_value());
  EXPECT_EQ(describe(*listed(client, server)), fmt::format("port {} to port {} ESTABLISHED", client, server));
  ASSERT_TRUE(listed(server, client).has_value());
}

TEST(States, ShowTheRemainingTimeOfTimeWait) {
  Pair pair = connected_pair();
  const uint16_t client = Endpoint::of_socket(pair.client.get()).port();
  const uint16_t server = Endpoint::of_socket(pair.server.get()).port();
  pair.client.reset(-1);
  EXPECT_NE(wait_for(pair.server.get(), POLLRDHUP), 0);
  pair.server.reset(-1);
  const TimePoint end = now() + patience;
  auto waiting = listed(client, server);
  for (; now() < end && waiting && waiting->state != TCP_TIME_WAIT; waiting = listed(client, server))
    ::poll(nullptr, 0, 1);
  ASSERT_TRUE(waiting.has_value());
  EXPECT_EQ(waiting->timer, 3);
  EXPECT_GT(waiting->expires, std::chrono::seconds(1));
  EXPECT_LE(waiting->expires, std::chrono::seconds(61));
}

TEST(ADeafPeer, ReceivesNothing) {
  const Pair pair = connected_pair();
  try {
    make_deaf(pair.server.get());
  } catch (const NotTestable& reason) {
    GTEST_SKIP() << reason.what();
  }
  EXPECT_EQ(::send(pair.client.get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(wait_for(pair.server.get(), POLLIN, std::chrono::milliseconds(50)), 0);
}

TEST(AForgetfulPeer, AnswersWithAReset) {
  Pair pair = connected_pair();
  try {
    forget(std::move(pair.server));
  } catch (const std::system_error& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_EQ(wait_for(pair.client.get(), POLLIN, std::chrono::milliseconds(50)), 0);  // nothing was sent
  EXPECT_EQ(::send(pair.client.get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_NE(wait_for(pair.client.get(), POLLERR), 0);
  EXPECT_EQ(so_error(pair.client.get()), ECONNRESET);
}

}  // namespace
}  // namespace connbench::probe
