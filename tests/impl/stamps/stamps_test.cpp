// `finished`, on a simulated clock: when many deadlines pass together, each attempt is late by what was done before its
// turn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/yardstick.h"
#include "harness/connector/registry.h"
#include "harness/targets/target.h"
#include "tests/impl/stamps/simulated_time.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAreArray;

constexpr size_t attempts = 40;
constexpr Duration timeout = 10ms;

// How late each attempt was given up, in the order in which they were, when all deadlines pass at once.
std::vector<Duration> lateness(const std::string& connector, const SimulatedTime::Costs& costs) {
  const auto silent = find_target("backlog-full").open({.open_at_once = attempts});
  const NamedConnector named = find_connector(connector);
  Retirement retirement({}, 0);
  const auto made = named.entry->make({named.options, attempts, retirement});
  std::vector<Attempt> all;
  for (uint64_t id = 0; id < attempts; ++id)
    all.push_back({.id = id,
                   .endpoints = silent->endpoints().subspan(id % silent->endpoints().size(), 1),
                   .scheduled = {},
                   .timeout = timeout});
  std::vector<Completion> completions;
  {
    const SimulatedTime time(costs);
    EXPECT_EQ(made->submit(all), attempts);
    while (made->in_flight() > 0) made->reap(completions, now() + 1h);
  }
  std::vector<Duration> late;
  for (const Completion& completion : completions) {
    EXPECT_EQ(completion.result.outcome, Outcome::deadline_exceeded);
    late.push_back(completion.finished - completion.started - timeout);
  }
  return late;
}

class Finished : public testing::TestWithParam<const char*> {};
std::string name_of(const testing::TestParamInfo<const char*>& loop) {
  return loop.param;
}
INSTANTIATE_TEST_SUITE_P(Loop, Finished,
                         testing::Values("select", "poll", "epoll", "epoll_edge", "epoll_pwait2", "sequential",
                                         "happy_eyeballs"),
                         name_of);

// GoogleTest allows no other characters in a name.
std::string connector_of(std::string name) {
  if (name == "epoll_pwait2") return "epoll+wait:pwait2";
  std::ranges::replace(name, '_', '-');
  return name;
}

TEST_P(Finished, IncludesTheClosingOfTheSocketsBefore) {
  std::vector<Duration> expected;
  for (size_t i = 0; i < attempts; ++i) expected.push_back(static_cast<int64_t>(i) * 15us);
  EXPECT_THAT(lateness(connector_of(GetParam()), {.close = 15us}), ElementsAreArray(expected));
}

TEST(FinishedOfIoUring, IncludesTheDisposalOfTheBatchesBefore) {
  const NamedConnector named = find_connector("io-uring");
  Retirement retirement({}, 0);
  if (const auto reason = named.entry->probe({named.options, attempts, retirement})) GTEST_SKIP() << *reason;
  // Each disposal takes two requests. The first system call has those of 15 attempts, the following ones of 16.
  std::vector<Duration> expected(15, 0us);
  expected.resize(31, 15 * 2 * 5us);
  expected.resize(attempts, 31 * 2 * 5us);
  EXPECT_THAT(lateness("io-uring", {.request = 5us}), ElementsAreArray(expected));
}

TEST(Yardstick, SleepsWithoutTheSlackOfItsThread) {
  const int before = ::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
  ASSERT_EQ(::prctl(PR_SET_TIMERSLACK, 50'000, 0, 0, 0), 0);
  {
    const SimulatedTime time({});
    EXPECT_THAT(lateness_of_sleeping(8, [] { return now() + 10ms; }), Each(1));
  }
  EXPECT_EQ(::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 50'000) << "what is measured keeps its slack";
  ::prctl(PR_SET_TIMERSLACK, before, 0, 0, 0);
}

}  // namespace
}  // namespace connbench
