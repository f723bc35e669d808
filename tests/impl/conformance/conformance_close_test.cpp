// How connections are closed, as their peer sees it.
#include <set>

#include "tests/impl/census.h"
#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

constexpr size_t connections = 5;

class Closing : public AtPlace {
 protected:
  void SetUp() override {
    AtPlace::SetUp();
    if (IsSkipped()) return;
    listener_.reset(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const Endpoint any_port = Endpoint::ipv4(INADDR_LOOPBACK, 0);
    checked(::bind(listener_.get(), any_port.address(), any_port.size()), "bind");
    checked(::listen(listener_.get(), 2 * connections), "listen");
    listening_.push_back(Endpoint::of_socket(listener_.get()));
  }

  UniqueFd accept() const {
    if (!plain::ready_within(listener_, plain::patience_ms)) ADD_FAILURE() << "no connection arrived";
    return UniqueFd(checked(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
  }

  std::vector<Attempt> attempts() const { return attempts_on(listening_, connections, far_away); }

  UniqueFd listener_{-1};
  std::vector<Endpoint> listening_;
};
INSTANTIATE_TEST_SUITE_P(Connector, Closing, testing::ValuesIn(with_sockets(accepted())), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Closing);

TEST_P(Closing, ByResetSendsAReset) {
  Connecting connecting(entry(), room, {.close = CloseMode::rst});
  connecting.complete(attempts());
  for (size_t i = 0; i < connections; ++i) EXPECT_EQ(plain::receive(accept()), (plain::Received{"", ECONNRESET}));
}

TEST_P(Closing, ByFinEndsTheStream) {
  Connecting connecting(entry(), room, {.close = CloseMode::fin});
  connecting.complete(attempts());
  for (size_t i = 0; i < connections; ++i) EXPECT_EQ(plain::receive(accept()), plain::end_of_stream);
}

TEST_P(Closing, ByHoldWaitsForTheEndOfTheWave) {
  const Census before = first_census();
  std::vector<UniqueFd> peers;
  {
    Connecting connecting(entry(), room, {.close = CloseMode::hold});
    connecting.complete(attempts());
    for (size_t i = 0; i < connections; ++i) peers.push_back(accept());
    connecting.destroy_connector();
    const Census held = census_becoming({before.threads, before.descriptors + 2 * connections, before.children});
    EXPECT_EQ(held.descriptors, before.descriptors + 2 * connections);
    for (const UniqueFd& peer : peers) EXPECT_FALSE(plain::ready_within(peer, 1, POLLIN | POLLRDHUP));
  }
  for (const UniqueFd& peer : peers) EXPECT_EQ(plain::receive(peer), plain::end_of_stream);
}

// As its peer sees it.
TEST_P(Closing, IsAfterTheLocalPortWasRead) {
  Connecting connecting(entry(), room, {.close = CloseMode::fin, .local_port = true});
  connecting.complete(attempts());
  std::multiset<uint16_t> seen, read;
  for (size_t i = 0; i < connections; ++i) seen.insert(Endpoint::of_peer(accept().get()).port());
  for (const Completion& completion : connecting.completions()) read.insert(completion.handshake.local_port);
  EXPECT_EQ(read, seen);
}

// Of connectors that can have attempts pending where nobody answers.
class ClosingLater : public Closing {};
std::vector<Place> with_pending_attempts() {
  return claiming(with_sockets(accepted()),
                  [](const Capabilities& claims) { return claims.has_deadline() && !claims.completes_in_submit; });
}
INSTANTIATE_TEST_SUITE_P(Connector, ClosingLater, testing::ValuesIn(with_pending_attempts()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ClosingLater);

// A held socket stays open and writable. A later attempt must not be confused with it.
TEST_P(ClosingLater, DoesNotAffectNewAttempts) {
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4});
  Connecting connecting(entry(), room, {.close = CloseMode::hold});
  connecting.complete(attempts());
  ASSERT_EQ(count_of(Outcome::connected, connecting.completions()), connections);
  connecting.complete(attempts_on(silent->endpoints(), connections, 20ms));
  EXPECT_EQ(count_of(Outcome::deadline_exceeded, connecting.completions()), connections);
}

// An event of a held connection must not be attributed to a later attempt.
TEST_P(ClosingLater, DoesNotMixUpEvents) {
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4});
  Connecting connecting(entry(), room, {.close = CloseMode::hold});
  connecting.complete(attempts());
  std::vector<UniqueFd> peers;
  for (size_t i = 0; i < connections; ++i) peers.push_back(accept());
  const auto later = attempts_on(silent->endpoints(), connections, 50ms);
  ASSERT_EQ(connecting.submit(later), connections);
  for (UniqueFd& peer : peers) peer.reset(-1);
  connecting.drain();
  EXPECT_EQ(count_of(Outcome::deadline_exceeded, connecting.completions()), connections);
}

}  // namespace
}  // namespace connbench::conformance
