#include "harness/connector/retirement.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "harness/connector/options.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

UniqueFd socket_of(Family family) {
  return UniqueFd(checked(::socket(address_family(family), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
}

Completion connected() {
  return {.result = {Outcome::connected, Stage::connect, 0}};
}

bool is_open(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0;
}

// A simultaneous open of a socket with itself, as happens when its ephemeral port is also its destination.
UniqueFd self_connected_socket() {
  UniqueFd socket = socket_of(Family::ipv4);
  const Endpoint any_port = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  checked(::bind(socket.get(), any_port.address(), any_port.size()), "bind");
  const Endpoint itself = Endpoint::of_socket(socket.get());
  checked(::connect(socket.get(), itself.address(), itself.size()), "connect");
  return socket;
}

struct Pair {
  explicit Pair(const Endpoint& where) : listener(socket_of(of(where))), client(socket_of(of(where))) {
    checked(::bind(listener.get(), where.address(), where.size()), "bind");
    checked(::listen(listener.get(), 1), "listen");
    const Endpoint at = Endpoint::of_socket(listener.get());
    checked(::connect(client.get(), at.address(), at.size()), "connect");
  }
  static Family of(const Endpoint& where) { return where.family() == AF_UNIX ? Family::unix_domain : Family::ipv4; }

  UniqueFd listener;
  UniqueFd client;
};
const Endpoint any_tcp = Endpoint::ipv4(INADDR_LOOPBACK, 0);
Endpoint unix_name() {
  return Endpoint::abstract_unix("connbench-test-" + std::to_string(::getpid()));
}

TEST(Retirement, RecognisesASelfConnectedSocket) {
  Retirement retirement({.may_self_connect = true}, 1);
  Completion completion = connected();
  retirement.retire(self_connected_socket(), completion);
  EXPECT_EQ(completion.result.outcome, Outcome::self_connected);
}

TEST(Retirement, ChecksForSelfConnectionOnlyWhereItCanHappen) {
  Retirement retirement({.may_self_connect = false}, 1);
  Completion completion = connected();
  retirement.retire(self_connected_socket(), completion);
  EXPECT_EQ(completion.result.outcome, Outcome::connected);
}

TEST(Retirement, TakesNoOtherConnectionForASelfConnection) {
  Retirement retirement({.may_self_connect = true}, 1);
  for (const Endpoint& where : {any_tcp, unix_name()}) {
    Pair pair(where);
    Completion completion = connected();
    retirement.retire(std::move(pair.client), completion);
    EXPECT_EQ(completion.result.outcome, Outcome::connected);
  }
}

TEST(Retirement, ClosesUnconnectedSocketsWhateverThePolicy) {
  for (const CloseMode mode : {CloseMode::rst, CloseMode::fin, CloseMode::hold}) {
    Retirement retirement({.close = mode}, 1);
    UniqueFd socket = socket_of(Family::ipv4);
    const int number = socket.get();
    Completion completion{.result = {Outcome::deadline_exceeded, Stage::wait, 0}};
    retirement.retire(std::move(socket), completion);
    EXPECT_FALSE(is_open(number)) << to_string(mode);
  }
}

TEST(Retirement, HoldsConnectionsUntilItIsDestroyed) {
  Pair pair(any_tcp);
  const int number = pair.client.get();
  {
    Retirement retirement({.close = CloseMode::hold}, 1);
    Completion completion = connected();
    retirement.retire(std::move(pair.client), completion);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Retirement, AcceptsAnAttemptWithoutASocket) {
  Retirement retirement({.handshake = true, .may_self_connect = true}, 1);
  Completion completion{.result = {Outcome::exhausted, Stage::socket, EMFILE}};
  retirement.retire(UniqueFd(-1), completion);
  EXPECT_EQ(completion.result, (ConnectResult{Outcome::exhausted, Stage::socket, EMFILE}));
  EXPECT_FALSE(completion.handshake.known);
}

TEST(Retirement, ReadsTheHandshakeOnlyWhenAsked) {
  for (const bool asked : {false, true}) {
    Retirement retirement({.handshake = asked}, 1);
    Pair pair(any_tcp);
    Completion completion = connected();
    retirement.retire(std::move(pair.client), completion);
    EXPECT_EQ(completion.handshake.known, asked);
  }
}

UniqueFd accepted_by(const UniqueFd& listener) {
  return UniqueFd(checked(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
}

TEST(Retirement, LeavesTheCloseToALibraryAndDecidesWhatThePeerSees) {
  for (const auto& [mode, seen] :
       {std::pair{CloseMode::rst, plain::Received{"", ECONNRESET}}, std::pair{CloseMode::fin, plain::end_of_stream}}) {
    Retirement retirement({.close = mode, .handshake = true}, 1);
    Pair pair(any_tcp);
    const UniqueFd peer = accepted_by(pair.listener);
    Completion completion = connected();
    retirement.retire_before_close(pair.client.get(), completion);
    EXPECT_TRUE(completion.handshake.known);
    EXPECT_TRUE(is_open(pair.client.get())) << to_string(mode);
    EXPECT_FALSE(plain::ready_within(peer, 1, POLLIN | POLLRDHUP)) << to_string(mode);
    pair.client.reset(-1);
    EXPECT_EQ(plain::receive(peer), seen) << to_string(mode);
  }
}

TEST(Retirement, HoldsAConnectionThatALibraryCloses) {
  Pair pair(any_tcp);
  const UniqueFd peer = accepted_by(pair.listener);
  {
    Retirement retirement({.close = CloseMode::hold}, 1);
    Completion completion = connected();
    retirement.retire_before_close(pair.client.get(), completion);
    pair.client.reset(-1);
    EXPECT_FALSE(plain::ready_within(peer, 1, POLLIN | POLLRDHUP));
  }
  EXPECT_EQ(plain::receive(peer), plain::end_of_stream);
}

TEST(CloseModes, ReadBackFromTheirNames) {
  for (const CloseMode mode : {CloseMode::rst, CloseMode::fin, CloseMode::hold})
    EXPECT_EQ(parse_close_mode(to_string(mode)), mode);
  for (const char* name : {"", "RST", "rst|fin", "shutdown"})
    EXPECT_THROW(parse_close_mode(name), std::invalid_argument);
}

TEST(CloseModes, AreAllListed) {
  EXPECT_THAT(values_of(close_modes), testing::ElementsAre("rst", "fin", "hold"));
}

TEST(Handshake, OfATcpConnectionIsKnown) {
  const Pair pair(any_tcp);
  const Handshake handshake = read_handshake(pair.client.get());
  EXPECT_TRUE(handshake.known);
  EXPECT_EQ(handshake.syn_retransmits, 0);
  EXPECT_GT(handshake.round_trip, Duration::zero());
}

TEST(Handshake, OfAUnixConnectionIsNot) {
  const Pair pair(unix_name());
  EXPECT_FALSE(read_handshake(pair.client.get()).known);
}

}  // namespace
}  // namespace connbench
