// What a plain connect() experiences at each target of the lab, for each family.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "harness/connector/retirement.h"
#include "harness/support/clock.h"
#include "harness/targets/target.h"
#include "tests/support/lab_of_tests.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using plain::connect_to;
using plain::Connection;
using plain::ready_within;

class FarTarget : public testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    if (lab_of_tests() == nullptr) GTEST_SKIP() << why_no_lab_of_tests();
    if (GetParam() == Family::ipv6 && !lab_of_tests()->has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  }

  std::unique_ptr<Target> open(std::string_view name, size_t open_at_once = 1) const {
    return find_target(name).open({.family = GetParam(), .open_at_once = open_at_once, .lab = lab_of_tests()});
  }

  struct Timed {
    Connection connection;
    Duration took;
  };
  static Timed timed_connect(const Target& target) {
    const TimePoint begin = now();
    Connection connection = connect_to(target.endpoints()[0]);
    return {std::move(connection), now() - begin};
  }

  // The errno of each of `n` connects made in turn; 0 = connected.
  std::vector<int> errors_of(std::string_view name, int n = 5) const {
    const auto target = open(name);
    std::vector<int> errors;
    for (int i = 0; i < n; ++i) errors.push_back(timed_connect(*target).connection.error);
    return errors;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, FarTarget, testing::ValuesIn(ip_families),
                         [](const auto& over) { return std::string(to_string(over.param)); });

TEST_P(FarTarget, DelayedConnectsNoEarlierThanAfterItsRoundTrip) {
  for (const auto& [name, round_trip] :
       {std::pair{"delayed:1ms", 1ms}, {"delayed:20ms", 20ms}, {"delayed:80ms", 80ms}}) {
    const auto target = open(name);
    for (int i = 0; i < 5; ++i) {
      const Timed timed = timed_connect(*target);
      EXPECT_EQ(timed.connection.error, 0);
      EXPECT_GE(timed.took, round_trip) << name;
      EXPECT_GE(read_handshake(timed.connection.socket.get()).round_trip, round_trip) << name;
    }
  }
}

TEST_P(FarTarget, DelayedTargetsHaveTheirOwnDelays) {
  const auto fast = open("delayed:1ms");
  const auto slow = open("delayed:10s");
  const Connection pending = connect_to(slow->endpoints()[0], SOCK_NONBLOCK);
  ASSERT_EQ(pending.error, EINPROGRESS);
  EXPECT_EQ(timed_connect(*fast).connection.error, 0);
  EXPECT_FALSE(ready_within(pending.socket, 0, POLLOUT)) << "the slow target was not overtaken";
}

TEST_P(FarTarget, JitteredVaries) {
  const auto target = open("jittered:40ms~40ms");
  Duration shortest = 1h;
  Duration longest{};
  for (int i = 0; i < 20; ++i) {
    const Timed timed = timed_connect(*target);
    ASSERT_EQ(timed.connection.error, 0);
    shortest = std::min(shortest, timed.took);
    longest = std::max(longest, timed.took);
  }
  EXPECT_GT(longest - shortest, 10ms);
}

TEST_P(FarTarget, LossySynDropsTheFirstSynsOfEachConnection) {
  for (const unsigned losses : {1U, 2U}) {
    const auto target = open(fmt::format("lossy-syn:{}", losses));
    const Timed timed = timed_connect(*target);
    ASSERT_EQ(timed.connection.error, 0);
    EXPECT_EQ(read_handshake(timed.connection.socket.get()).syn_retransmits, losses);
    EXPECT_GE(timed.took, losses * 1s);  // holds while net.ipv4.tcp_syn_linear_timeouts is 0, or 2 or more
  }
}

TEST_P(FarTarget, LossySynackDropsTheFirstSynAcks) {
  const auto target = open("lossy-synack:1");
  const Timed timed = timed_connect(*target);
  ASSERT_EQ(timed.connection.error, 0);
  EXPECT_GE(timed.took, 900ms);  // then one side has retransmitted: the server its SYN+ACK or the client its SYN
}

TEST_P(FarTarget, LossyDropsSomePacketsButNotAll) {
  const auto target = open("lossy:50%");
  const uint64_t lost_before = lab_of_tests()->link_report().lost_by_rule;
  std::vector<Connection> connections;
  for (int i = 0; i < 100; ++i) connections.push_back(connect_to(target->endpoints()[0], SOCK_NONBLOCK));
  std::vector<pollfd> polled;
  for (const Connection& connection : connections) polled.push_back({connection.socket.get(), POLLOUT, 0});
  EXPECT_GE(::poll(polled.data(), polled.size(), plain::patience_ms), 1) << "none got through";
  const auto lost = [&] { return lab_of_tests()->link_report().lost_by_rule - lost_before; };
  const TimePoint until = now() + std::chrono::milliseconds(plain::patience_ms);
  while (lost() == 0 && now() < until) sleep_until(now() + std::chrono::milliseconds(1));  // the link may be behind
  EXPECT_GT(lost(), 0U) << "none was lost";
}

TEST_P(FarTarget, RefusedFarIsRefusedAfterARoundTrip) {
  const auto target = open("refused-far:30ms");
  const Timed timed = timed_connect(*target);
  EXPECT_EQ(timed.connection.error, ECONNREFUSED);
  EXPECT_GE(timed.took, 30ms);
}

TEST_P(FarTarget, HostUnreachableIsReportedByARouterAfterARoundTrip) {
  const auto target = open("host-unreachable:30ms");
  for (int i = 0; i < 5; ++i) {
    const Timed timed = timed_connect(*target);
    EXPECT_EQ(timed.connection.error, EHOSTUNREACH);
    EXPECT_GE(timed.took, 30ms);
  }
}

TEST_P(FarTarget, NetUnreachableAndProhibitedFailWithTheirErrors) {
  EXPECT_THAT(errors_of("net-unreachable"), testing::Each(ENETUNREACH));
  EXPECT_THAT(errors_of("prohibited"), testing::Each(EACCES));
}

TEST_P(FarTarget, NoArpIsUnreachableOnceArpRequestsWentUnanswered) {
  const Timed timed = timed_connect(*open("no-arp"));
  EXPECT_EQ(timed.connection.error, EHOSTUNREACH);
  EXPECT_GE(timed.took, 1s);
}

TEST_P(FarTarget, BlackholeLeavesEveryConnectPending) {
  const auto target = open("blackhole", 1000);
  std::vector<Connection> connections;
  for (size_t i = 0; i < 1000; ++i)
    connections.push_back(connect_to(target->endpoints()[i % target->endpoints().size()], SOCK_NONBLOCK));
  EXPECT_FALSE(ready_within(connections.front().socket, 1500, POLLOUT));
  for (const Connection& connection : connections) {
    ASSERT_EQ(connection.error, EINPROGRESS);
    tcp_info info{};
    socklen_t size = sizeof info;
    checked(::getsockopt(connection.socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size), "TCP_INFO");
    ASSERT_EQ(info.tcpi_state, TCP_SYN_SENT);
  }
}

TEST_P(FarTarget, SpreadsManyOpenConnectionsOverAddresses) {
  for (const char* name : {"blackhole", "delayed", "no-arp", "host-unreachable"})
    EXPECT_GT(open(name, 100'000)->endpoints().size(), 10U) << name;
  const auto delayed = open("delayed:1ms", 50'000);
  for (const Endpoint& endpoint : delayed->endpoints())
    EXPECT_EQ(connect_to(endpoint).error, 0) << endpoint.to_string();
}

// One suite for both families, and this target has both at once.
class FarPair : public FarTarget {
 protected:
  void SetUp() override {
    FarTarget::SetUp();
    if (!IsSkipped() && !lab_of_tests()->has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  }
  // Of each address of the first host: the errno, and how long it took.
  static std::pair<int, Duration> tried(const Target& target, size_t address) {
    const TimePoint begin = now();
    const Connection connection = connect_to(target.endpoints()[address]);
    return {connection.error, now() - begin};
  }
};
INSTANTIATE_TEST_SUITE_P(Over, FarPair, testing::Values(Family::ipv4),
                         [](const auto& over) { return std::string(to_string(over.param)); });

TEST_P(FarPair, HasAnIpv6AndAnIpv4AddressWithOnePort) {
  for (const char* name : {"dual-stack:dead~20ms", "dual-stack:refused~20ms", "dual-stack:40ms~20ms"}) {
    const auto target = open(name, 50'000);
    ASSERT_EQ(target->endpoints_per_attempt(), 2U);
    ASSERT_GT(target->endpoints().size(), 2U);
    for (size_t i = 0; i < target->endpoints().size(); i += 2) {
      EXPECT_EQ(target->endpoints()[i].family(), AF_INET6) << name;
      EXPECT_EQ(target->endpoints()[i + 1].family(), AF_INET) << name;
      EXPECT_EQ(target->endpoints()[i].port(), target->endpoints()[i + 1].port()) << name;
    }
  }
}

TEST_P(FarPair, ItsFirstAddressAnswersAsItWasTold) {
  const auto [slow, after] = tried(*open("dual-stack:40ms~20ms"), 0);
  EXPECT_EQ(slow, 0);
  EXPECT_GE(after, 40ms);
  const auto [refused, refused_after] = tried(*open("dual-stack:refused~20ms"), 0);
  EXPECT_EQ(refused, ECONNREFUSED);
  EXPECT_GE(refused_after, 20ms);
  const auto dead = open("dual-stack:dead~20ms");
  EXPECT_FALSE(ready_within(connect_to(dead->endpoints()[0], SOCK_NONBLOCK).socket, 100, POLLOUT));
}

// A busy machine delays many tries, but not all.
TEST_P(FarPair, EachAddressAnswersAfterOneRoundTrip) {
  struct Answer {
    const char* name;
    size_t address;
    Duration round_trip;
  };
  for (const auto& [name, address, round_trip] :
       {Answer{"dual-stack:40ms~20ms", 0, 40ms}, Answer{"dual-stack:40ms~20ms", 1, 20ms},
        Answer{"dual-stack:refused~20ms", 0, 20ms}}) {
    const auto target = open(name);
    Duration fastest = Duration::max();
    for (int i = 0; i < 100 && fastest > round_trip * 3 / 2; ++i)
      fastest = std::min(fastest, tried(*target, address).second);
    EXPECT_LT(fastest, round_trip * 3 / 2) << name << ", address " << address;
  }
}

TEST_P(FarPair, ItsSecondAddressAlwaysAccepts) {
  for (const char* name : {"dual-stack:dead~20ms", "dual-stack:refused~20ms", "dual-stack:40ms~20ms"}) {
    const auto [error, took] = tried(*open(name), 1);
    EXPECT_EQ(error, 0) << name;
    EXPECT_GE(took, 20ms) << name;
  }
}

TEST_P(FarTarget, CountsFramesInTheLinkReport) {
  const uint64_t before = lab_of_tests()->link_report().frames;
  EXPECT_EQ(timed_connect(*open("delayed:1ms")).connection.error, 0);
  EXPECT_GE(lab_of_tests()->link_report().frames, before + 2);  // the third frame may still be on its way
  EXPECT_GT(lab_of_tests()->link_report().lateness.quantile(0.5), 0ns);
}

}  // namespace
}  // namespace connbench
