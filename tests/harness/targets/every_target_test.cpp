// Properties of every target in the table, for every family it serves. New targets are tested without a new test.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <set>

#include "harness/targets/loopback_sockets.h"
#include "harness/targets/target.h"
#include "tests/support/plain_sockets.h"

namespace connbench {
namespace {

using plain::connect_to;
using plain::patience_ms;
using plain::ready_within;

struct Service {
  const TargetEntry* entry;
  Family family;
};

void PrintTo(const Service& service, std::ostream* out) {
  *out << service.entry->name << " over " << to_string(service.family);
}

std::vector<Service> every_service() {
  std::vector<Service> all;
  for (const TargetEntry* entry : all_targets()) {
    if (entry->needs_lab) continue;  // far_targets.cpp
    for (const Family family : entry->families) all.push_back({entry, family});
  }
  return all;
}

std::string name_of(const testing::TestParamInfo<Service>& info) {
  std::string name(info.param.entry->name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name + "_over_" + std::string(to_string(info.param.family));
}

class EveryTarget : public testing::TestWithParam<Service> {
 protected:
  void SetUp() override {
    if (!plain::machine_has(*GetParam().entry, GetParam().family)) GTEST_SKIP() << "this machine has no ::1";
  }
  std::unique_ptr<Target> open(size_t open_at_once = 1) const {
    return find_target(GetParam().entry->name).open({.family = GetParam().family, .open_at_once = open_at_once});
  }
};
INSTANTIATE_TEST_SUITE_P(Loopback, EveryTarget, testing::ValuesIn(every_service()), name_of);

TEST_P(EveryTarget, IsReachableOnlyOnLoopback) {
  const auto target = open(100'000);
  for (const Endpoint& endpoint : target->endpoints()) {
    EXPECT_THAT(endpoint.to_string(), testing::AnyOf(testing::StartsWith("127."), testing::StartsWith("[::1]:"),
                                                     testing::StartsWith("unix:@")));
  }
}

TEST_P(EveryTarget, UsesNoEphemeralPortIfThereAreOthers) {
  if (server_ports(ephemeral_ports()).preferred.size() == 65536 - 1024) GTEST_SKIP() << "every port is ephemeral";
  const auto target = open(100'000);
  for (const Endpoint& endpoint : target->endpoints()) {
    EXPECT_FALSE(ephemeral_ports().contains(endpoint.port())) << endpoint.to_string();
  }
}

TEST_P(EveryTarget, HasAHostForEachQuarterOfTheEphemeralPortsInUse) {
  const size_t quarter = ephemeral_port_count() / 4;
  const auto target = open(3 * quarter + 1);
  std::set<std::string> distinct;
  for (const Endpoint& endpoint : target->endpoints()) distinct.insert(endpoint.to_string());
  const size_t each = target->endpoints_per_attempt();
  EXPECT_EQ(distinct.size(), GetParam().family == Family::unix_domain ? 1U : 4 * each);
  EXPECT_EQ(open(quarter)->endpoints().size(), each);
}

TEST_P(EveryTarget, HasAsManyHostsAsItWasTold) {
  const auto target =
      find_target(GetParam().entry->name)
          .open({.family = GetParam().family, .open_at_once = ephemeral_ports().size(), .addresses = 1});
  EXPECT_EQ(target->endpoints().size(), target->endpoints_per_attempt());
}

TEST_P(EveryTarget, AnswersOrStaysSilentAsDeclaredOnTheFirstAddressOfEachHost) {
  const auto target = open(ephemeral_ports().size());
  for (size_t host = 0; host < target->endpoints().size(); host += target->endpoints_per_attempt()) {
    const Endpoint& endpoint = target->endpoints()[host];
    const auto attempt = connect_to(endpoint, SOCK_NONBLOCK);
    const int wait_ms = GetParam().entry->answers ? patience_ms : 20;
    const bool answered =
        attempt.error != EAGAIN && (attempt.error != EINPROGRESS || ready_within(attempt.socket, wait_ms, POLLOUT));
    const bool may_answer = GetParam().entry->expected_outcomes(GetParam().family).contains(Outcome::connected);
    if (may_answer && !GetParam().entry->answers) continue;  // either is fine
    EXPECT_EQ(answered, GetParam().entry->answers) << endpoint.to_string();
  }
}

TEST_P(EveryTarget, RunsItsServerOnTheProcessorsThatItWasGiven) {
  cpu_set_t allowed;
  checked(::sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
  if (CPU_COUNT(&allowed) < 2) GTEST_SKIP() << "there is only one processor";
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(static_cast<size_t>(last), &allowed)) --last;
  const auto target = find_target(GetParam().entry->name).open({.family = GetParam().family, .cpus = {last}});
  cpu_set_t its;
  checked(::sched_getaffinity(target->server(), sizeof its, &its), "sched_getaffinity");
  EXPECT_EQ(CPU_COUNT(&its), 1);
  EXPECT_TRUE(CPU_ISSET(static_cast<size_t>(last), &its));
}

TEST_P(EveryTarget, EndsItsServerWhenDestroyed) {
  auto target = open();
  const UniqueFd server = plain::watch_process(target->server());
  ASSERT_FALSE(ready_within(server, 0)) << "it ended early";
  target.reset();
  EXPECT_TRUE(ready_within(server, 0));
}

TEST_P(EveryTarget, LeavesNoServerWhenItsOpenerIsKilled) {
  checked(::prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");  // so that this process can wait for the orphaned server
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe2");
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t opener = checked(::fork(), "fork");
  if (opener == 0) {
    const auto target = open();
    const pid_t pid = target->server();
    if (::write(writing.get(), &pid, sizeof pid) == sizeof pid) ::pause();
    ::_exit(1);
  }
  writing.reset(-1);
  pid_t pid = 0;
  const bool received = ready_within(reading, patience_ms) && ::read(reading.get(), &pid, sizeof pid) == sizeof pid;
  const UniqueFd server = received ? plain::watch_process(pid) : UniqueFd(-1);
  const bool was_alive = received && !ready_within(server, 0);
  ::kill(opener, SIGKILL);
  ::waitpid(opener, nullptr, 0);
  ASSERT_TRUE(was_alive);
  EXPECT_TRUE(ready_within(server, patience_ms));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace connbench
