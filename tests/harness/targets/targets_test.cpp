#include <gmock/gmock.h>
#include <sys/resource.h>

#include <filesystem>
#include <thread>

#include "harness/targets/target.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

using plain::connect_to;
using plain::end_of_stream;
using plain::patience_ms;
using plain::ready_within;
using plain::receive;
using testing::EndsWith;
using testing::HasSubstr;

std::unique_ptr<Target> open(std::string_view name, Family family) {
  return find_target(name).open({.family = family});
}

class TargetOver : public testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    if (!plain::machine_has(GetParam())) GTEST_SKIP() << "this machine has no ::1";
  }
};
std::string family_of(const testing::TestParamInfo<Family>& info) {
  return std::string(to_string(info.param));
}
class IpTarget : public TargetOver {};
class AnyTarget : public TargetOver {};
INSTANTIATE_TEST_SUITE_P(Over, IpTarget, testing::ValuesIn(ip_families), family_of);
INSTANTIATE_TEST_SUITE_P(Over, AnyTarget, testing::ValuesIn(every_family), family_of);

size_t descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator list("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<size_t>(std::distance(begin(list), end(list)));
}

bool comes_to_hold(pid_t server, size_t descriptors) {
  for (int tries = 0; tries < patience_ms; ++tries) {
    if (descriptors_of(server) == descriptors) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

TEST_P(AnyTarget, AcceptingHoldsTheConnection) {
  const auto target = open("accepting", GetParam());
  const auto client = connect_to(target->endpoints()[0]);
  ASSERT_EQ(client.error, 0);
  EXPECT_FALSE(ready_within(client.socket, 50, POLLIN | POLLRDHUP));
}

TEST_P(AnyTarget, AcceptingClosesItsSideAfterThePeer) {
  const auto target = open("accepting", GetParam());
  const auto client = connect_to(target->endpoints()[0]);
  ASSERT_EQ(client.error, 0);
  ::shutdown(client.socket.get(), SHUT_WR);
  EXPECT_EQ(receive(client.socket), end_of_stream);
}

TEST_P(AnyTarget, AcceptingReleasesClosedConnections) {
  const auto target = open("accepting", GetParam());
  std::vector<plain::Connection> clients;
  const auto connect_many = [&] {
    for (int i = 0; i < 50; ++i) clients.push_back(connect_to(target->endpoints()[0]));
  };
  connect_many();
  ASSERT_TRUE(comes_to_hold(target->server(), 3 + 1 + 1 + 50))
      << "3 standard descriptors, listener, epoll, connections";
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  for (size_t i = 0; i < clients.size(); i += 2) {
    ::setsockopt(clients[i].socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  clients.clear();
  EXPECT_TRUE(comes_to_hold(target->server(), 5)) << "it holds " << descriptors_of(target->server());
  connect_many();
  EXPECT_TRUE(comes_to_hold(target->server(), 55));
}

TEST_P(IpTarget, SpeakingFirstSendsALineAndHolds) {
  const auto target = open("speaking-first", GetParam());
  const auto client = connect_to(target->endpoints()[0]);
  ASSERT_EQ(client.error, 0);
  EXPECT_THAT(receive(client.socket).text, EndsWith("-UTC\r\n"));
  EXPECT_FALSE(ready_within(client.socket, 50, POLLIN | POLLRDHUP));
}

TEST_P(IpTarget, AServerOutOfDescriptorsClosesTheOldestConnection) {
  const auto target = open("speaking-first", GetParam());
  std::vector<plain::Connection> clients;
  const auto greeted = [&] {
    clients.push_back(connect_to(target->endpoints()[0]));
    return clients.back().error == 0 && !receive(clients.back().socket).text.empty();
  };
  ASSERT_TRUE(greeted());  // the server has raised its own limit by now
  const rlimit few{.rlim_cur = 20, .rlim_max = 20};
  checked(::prlimit(target->server(), RLIMIT_NOFILE, &few, nullptr), "prlimit");
  for (int i = 1; i < 50; ++i) ASSERT_TRUE(greeted()) << i;
  EXPECT_EQ(receive(clients.front().socket), end_of_stream);
  EXPECT_FALSE(ready_within(clients.back().socket, 50));
}

TEST_P(IpTarget, ClosingFirstSendsAFin) {
  const auto target = open("closing-first", GetParam());
  const auto client = connect_to(target->endpoints()[0]);
  ASSERT_EQ(client.error, 0);
  EXPECT_EQ(receive(client.socket), end_of_stream);
}

TEST_P(IpTarget, ResettingSendsAnRst) {
  const auto target = open("resetting", GetParam());
  for (int i = 0; i < 20; ++i) {
    const auto client = connect_to(target->endpoints()[0]);
    EXPECT_EQ(client.error != 0 ? client.error : receive(client.socket).error, ECONNRESET);
  }
}

TEST_P(AnyTarget, RefusingRefuses) {
  const auto target = open("refusing", GetParam());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(connect_to(target->endpoints()[0]).error, ECONNREFUSED);
}

TEST_P(AnyTarget, BacklogFullLeavesEveryConnectPending) {
  const auto target = open("backlog-full", GetParam());
  std::vector<plain::Connection> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(connect_to(target->endpoints()[0], SOCK_NONBLOCK));
    EXPECT_EQ(clients.back().error, GetParam() == Family::unix_domain ? EAGAIN : EINPROGRESS);
  }
  if (GetParam() == Family::unix_domain) return;
  std::vector<pollfd> polled;
  for (const auto& client : clients) polled.push_back({.fd = client.socket.get(), .events = POLLOUT, .revents = 0});
  EXPECT_EQ(::poll(polled.data(), polled.size(), 100), 0);
}

TEST(TargetTable, FindsATargetByItsName) {
  for (const TargetEntry* entry : all_targets()) EXPECT_EQ(find_target(entry->name).entry, entry);
}

TEST(TargetTable, SuggestsTheNearestNameForAnUnknownOne) {
  try {
    find_target("acepting");
    FAIL() << "found it";
  } catch (const std::invalid_argument& e) {
    EXPECT_THAT(e.what(), HasSubstr("unknown target 'acepting': did you mean 'accepting'?"));
    EXPECT_THAT(e.what(), HasSubstr("backlog-full"));
  }
}

TEST(TargetTable, ATargetMayLiveOnLoopbackWithoutAParameterAndInTheLabWithOne) {
  const NamedTarget plain = find_target("dual-stack");
  EXPECT_EQ(plain.name, "dual-stack");
  EXPECT_FALSE(plain.needs_lab());
  const NamedTarget far = find_target("dual-stack:0.3s~20000us");
  EXPECT_EQ(far.name, "dual-stack:300ms~20ms");
  EXPECT_TRUE(far.needs_lab());
  EXPECT_EQ(find_target("dual-stack:dead~0.02s").name, "dual-stack:dead~20ms");
}

TEST(TargetTable, SaysWhatTheParameterOfTwoAddressesIs) {
  for (const char* bad : {"dual-stack:", "dual-stack:20ms", "dual-stack:dead", "dual-stack:gone~20ms",
                          "dual-stack:dead~", "dual-stack:dead~gone", "dual-stack:20ms~dead", "dual-stack:60s~20ms"})
    EXPECT_THROW(find_target(bad), std::invalid_argument) << bad;
}

TEST(TargetTable, ExpectsAFullBacklogToRefuseOnlyOnUnixSockets) {
  const TargetEntry& entry = *find_target("backlog-full").entry;
  EXPECT_TRUE(entry.expected_outcomes(Family::unix_domain).contains(Outcome::refused));
  EXPECT_FALSE(entry.expected_outcomes(Family::ipv4).contains(Outcome::refused));
  EXPECT_FALSE(entry.expected_outcomes(Family::ipv4).contains(Outcome::connected));
}

TEST(TargetTable, KnowsWhichFamiliesATargetServes) {
  EXPECT_TRUE(find_target("accepting").entry->serves(Family::unix_domain));
  EXPECT_FALSE(find_target("resetting").entry->serves(Family::unix_domain));
}

}  // namespace
}  // namespace connbench
