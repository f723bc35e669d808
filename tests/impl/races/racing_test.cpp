// Connectors that try all addresses of a host: when each is tried, which one wins, and that the losers are cleaned up.
#include <errno.h>

#include <array>

#include "tests/impl/census.h"
#include "tests/impl/conformance/conformance.h"
#include "tests/impl/driven.h"

namespace connbench::conformance {
namespace {

class Racing : public testing::Test {
 protected:
  void SetUp() override {
    if (!plain::machine_has(Family::ipv6)) GTEST_SKIP() << "this machine has no ::1";
  }

  static Endpoint silent() { return opened("backlog-full", Family::ipv6); }
  static Endpoint silent4() { return opened("backlog-full", Family::ipv4); }
  static Endpoint accepting() { return opened("accepting", Family::ipv4); }
  static Endpoint refusing() { return opened("refusing", Family::ipv4); }
  static Endpoint refusing6() { return opened("refusing", Family::ipv6); }

  static Completion race(std::string_view name, const std::vector<Endpoint>& host, Duration timeout,
                         ConnectionPolicy policy = {}) {
    const NamedConnector named = find_connector(name);
    Retirement retirement(policy, 1);
    const auto connector = named.entry->make({named.options, 1, retirement});
    const Attempt attempt{.id = 1, .endpoints = host, .scheduled = now(), .timeout = timeout};
    EXPECT_EQ(connector->submit({&attempt, 1}), 1U);
    std::vector<Completion> completions;
    while (connector->in_flight() > 0) connector->reap(completions, now() + patience);
    EXPECT_EQ(completions.size(), 1U);
    return completions.front();
  }

  static Duration took(const Completion& completion) { return completion.finished - completion.started; }

 private:
  // Every target stays open as long as the program.
  static Endpoint opened(std::string_view name, Family family) {
    static std::vector<std::unique_ptr<Target>> open;
    open.push_back(find_target(name).open({.family = family}));
    return open.back()->endpoints().front();
  }
};

TEST_F(Racing, HappyEyeballsTriesTheSecondAddressAfterTheDefaultStagger) {
  const Completion end = race("happy-eyeballs", {silent(), accepting()}, far_away);
  EXPECT_EQ(end.result.outcome, Outcome::connected);
  EXPECT_GE(took(end), 250ms);
}

TEST_F(Racing, HappyEyeballsUsesTheGivenStagger) {
  const Completion end = race("happy-eyeballs+stagger:20ms", {silent(), accepting()}, far_away);
  EXPECT_EQ(end.result.outcome, Outcome::connected);
  EXPECT_GE(took(end), 20ms);
  // With the default stagger, this attempt would connect.
  EXPECT_EQ(race("happy-eyeballs+stagger:60min", {silent(), accepting()}, 400ms).result.outcome,
            Outcome::deadline_exceeded);
}

// The refusal makes the second try begin at once, and no third one ever begins.
TEST_F(Racing, HappyEyeballsAlternatesFamilies) {
  const Completion end = race("happy-eyeballs+stagger:60min", {refusing6(), silent(), silent(), accepting()}, patience);
  EXPECT_EQ(end.result.outcome, Outcome::connected) << "the second try was not IPv4";
}

// No try would begin before the timeout if it waited for its turn.
TEST_F(Racing, AFailureStartsTheNextTryAtOnce) {
  for (const auto* name : {"happy-eyeballs+stagger:60min", "sequential+each:60min"}) {
    const Completion end = race(name, {refusing6(), refusing(), accepting()}, patience);
    EXPECT_EQ(end.result.outcome, Outcome::connected) << name;
  }
}

TEST_F(Racing, RefusalsByAllAddressesEndTheAttemptAtOnce) {
  for (const auto* name : {"happy-eyeballs+stagger:60min", "sequential+each:60min"}) {
    const Completion end = race(name, {refusing6(), refusing(), refusing()}, patience);
    EXPECT_EQ(end.result, (ConnectResult{Outcome::refused, Stage::wait, ECONNREFUSED})) << name;
  }
}

// The silent address may still answer after the other one has refused.
TEST_F(Racing, HappyEyeballsWaitsForPendingTries) {
  const Completion end = race("happy-eyeballs+stagger:10ms", {silent(), refusing()}, 100ms);
  EXPECT_EQ(end.result.outcome, Outcome::deadline_exceeded);
  EXPECT_GE(took(end), 100ms);
}

// A hundredth of the timeout each. With so many addresses the deadline is far away when the second one answers.
TEST_F(Racing, SequentialGivesEachAddressAnEqualShare) {
  std::vector<Endpoint> host{silent()};
  host.insert(host.end(), 99, accepting());
  const Completion end = race("sequential", host, patience);
  EXPECT_EQ(end.result.outcome, Outcome::connected);
  EXPECT_GE(took(end), patience / 100);
}

TEST_F(Racing, SequentialGivesEachAddressTheGivenTime) {
  const Completion end = race("sequential+each:30ms", {silent(), silent4(), accepting()}, far_away);
  EXPECT_EQ(end.result.outcome, Outcome::connected);
  EXPECT_GE(took(end), 60ms);
}

TEST_F(Racing, SequentialWithLongSharesNeverReachesTheSecondAddress) {
  const Completion end = race("sequential+each:60min", {silent(), accepting()}, 50ms);
  EXPECT_EQ(end.result.outcome, Outcome::deadline_exceeded);
  EXPECT_GE(took(end), 50ms);
}

TEST_F(Racing, TheTimeoutCoversTheWholeAttempt) {
  for (const auto* name : {"happy-eyeballs+stagger:10ms", "sequential"}) {
    const Completion end = race(name, {silent(), silent4(), silent()}, 60ms);
    EXPECT_EQ(end.result.outcome, Outcome::deadline_exceeded) << name;
    EXPECT_GE(took(end), 60ms) << name;
  }
}

TEST_F(Racing, OtherConnectorsUseTheFirstAddressOnly) {
  for (const auto* name : {"epoll", "select"}) {
    const Completion end = race(name, {silent(), accepting()}, 50ms);
    EXPECT_EQ(end.result.outcome, Outcome::deadline_exceeded) << name;
  }
}

// Tries overlap and end in every order, in entries that are used again and again.
class ManyRacesAtOnce : public Racing, public testing::WithParamInterface<const char*> {
 protected:
  // Two addresses per host.
  std::vector<Sample> race_all(const std::vector<Endpoint>& hosts, Duration timeout) const {
    const NamedConnector named = find_connector(GetParam());
    Retirement retirement({}, 0);
    const auto connector = named.entry->make({named.options, 50, retirement});
    std::vector<Sample> samples(2000);
    const auto pacing = closed_loop();
    connbench::drive(*connector,
                     {.load = {.endpoints = hosts, .endpoints_per_attempt = 2, .limit = patience},
                      .concurrency = 50,
                      .timeout = timeout,
                      .pacing = pacing.get()},
                     samples);
    return samples;
  }
};
INSTANTIATE_TEST_SUITE_P(By, ManyRacesAtOnce, testing::Values("happy-eyeballs+stagger:5ms", "sequential+each:5ms"),
                         [](const auto& by) { return std::string(by.param).substr(0, 5); });

TEST_P(ManyRacesAtOnce, ConnectWhereOneAddressAnswersAndLeaveNothing) {
  const std::vector<Endpoint> hosts{silent(), accepting(), refusing6(), accepting()};
  const Census before = first_census();
  const auto samples = race_all(hosts, patience);
  EXPECT_EQ(connbench::count_of(Outcome::connected, samples), samples.size());
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(ManyRacesAtOnce, EndAtTheirDeadlinesOrBeforeAndLeaveNothing) {
  const std::vector<Endpoint> hosts{silent(),    accepting(), refusing6(), accepting(),
                                    accepting(), silent(),    silent(),    refusing()};
  const std::array expected{Outcome::connected, Outcome::connected, Outcome::connected, Outcome::deadline_exceeded};
  const Census before = first_census();
  const auto samples = race_all(hosts, 40ms);
  // For the last host, `sequential` has abandoned the silent address before the other one refuses.
  const bool one_at_a_time = std::string_view(GetParam()).starts_with("sequential");
  for (size_t i = 0; i < samples.size(); ++i) {
    const Outcome wanted = one_at_a_time && i % 4 == 3 ? Outcome::refused : expected[i % 4];
    // On a busy machine, any attempt may run into its deadline.
    if (samples[i].outcome != Outcome::deadline_exceeded) {
      EXPECT_EQ(samples[i].outcome, wanted) << "attempt " << i;
    }
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_F(Racing, LosersAreClosedWhenTheWinnerIsKept) {
  const std::vector<Endpoint> host{silent(), silent(), accepting()};
  const Census before = first_census();
  const NamedConnector named = find_connector("happy-eyeballs+stagger:5ms");
  Retirement retirement({.close = CloseMode::hold}, 1);
  const auto connector = named.entry->make({named.options, 1, retirement});
  const size_t own = entries_of("/proc/self/fd") - before.descriptors;
  const Attempt attempt{.id = 1, .endpoints = host, .scheduled = now(), .timeout = far_away};
  connector->submit({&attempt, 1});
  std::vector<Completion> completions;
  connector->reap(completions, now() + patience);
  ASSERT_EQ(count_of(Outcome::connected, completions), 1U);
  EXPECT_EQ(entries_of("/proc/self/fd"), before.descriptors + own + 1);
}

TEST_F(Racing, OnTheDualStackTargetOnlyTheyReachTheSecondAddress) {
  const auto target = find_target("dual-stack").open({.family = Family::ipv4});
  const auto endpoints = target->endpoints();
  ASSERT_EQ(endpoints.size(), target->endpoints_per_attempt());
  const std::vector<Endpoint> host(endpoints.begin(), endpoints.end());
  EXPECT_EQ(race("happy-eyeballs+stagger:20ms", host, far_away).result.outcome, Outcome::connected);
  EXPECT_EQ(race("sequential+each:20ms", host, far_away).result.outcome, Outcome::connected);
  EXPECT_EQ(race("epoll", host, 50ms).result.outcome, Outcome::deadline_exceeded);
}

// Nothing listens at the first address. Both have one port, as curl wants it.
TEST_F(Racing, EveryAddressGetsASocketByTheOptions) {
  const UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const Endpoint any_port = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  checked(::bind(listener.get(), any_port.address(), any_port.size()), "bind");
  checked(::listen(listener.get(), 8), "listen");
  const Endpoint listening = Endpoint::of_socket(listener.get());
  const std::vector<Endpoint> host{Endpoint::ipv6(in6addr_loopback, listening.port()), listening};
  for (const std::string name :
       {"happy-eyeballs", "sequential", "asio", "asio-io-uring", "libcurl", "libcurl-threads"}) {
    if (find_connector(name).entry->options.empty()) continue;  // its library is missing
    const Completion end = race(name + "+source-address:127.0.0.2", host, patience, {.close = CloseMode::fin});
    EXPECT_EQ(end.result.outcome, Outcome::connected) << name;
    ASSERT_TRUE(plain::ready_within(listener, plain::patience_ms)) << name;
    const UniqueFd peer(checked(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
    EXPECT_EQ(Endpoint::of_peer(peer.get()).to_string().substr(0, 10), "127.0.0.2:") << name;
  }
}

}  // namespace
}  // namespace connbench::conformance
