#include "harness/run/plan.h"

#include <gmock/gmock.h>

#include <set>

#include "harness/support/seeded_order.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

// States capabilities, and does nothing.
class Described final : public Connector {
 public:
  explicit Described(const Capabilities& capabilities) : capabilities_(capabilities) {}
  Capabilities capabilities() const override { return capabilities_; }
  size_t submit(std::span<const Attempt>) override { return 0; }
  size_t reap(std::vector<Completion>&, TimePoint) override { return 0; }
  void cancel_all() override {}
  size_t in_flight() const override { return 0; }

 private:
  Capabilities capabilities_;
};

constexpr ConnectorEntry willing{
    .name = "willing",
    .summary = "",
    .options = {},
    .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
    .make = [](const ConnectorSettings&) -> std::unique_ptr<Connector> {
      return std::make_unique<Described>(Capabilities{});
    },
};
constexpr ConnectorEntry small{
    .name = "small",
    .summary = "",
    .options = {},
    .probe = [](const ConnectorSettings& settings) -> std::optional<std::string> {
      if (settings.max_in_flight <= 10) return std::nullopt;
      return "holds 10 at most";
    },
    .make = willing.make,
};
constexpr ConnectorEntry stubborn{
    .name = "stubborn",
    .summary = "",
    .options = {},
    .probe = willing.probe,
    .make = [](const ConnectorSettings&) -> std::unique_ptr<Connector> {
      return std::make_unique<Described>(
          Capabilities{.deadline_by = Capabilities::DeadlineBy::kernel, .cancellable = false});
    },
};

constexpr ConnectorEntry patient{
    .name = "patient",
    .summary = "",
    .options = {},
    .probe = willing.probe,
    .make = [](const ConnectorSettings&) -> std::unique_ptr<Connector> {
      return std::make_unique<Described>(
          Capabilities{.deadline_by = Capabilities::DeadlineBy::kernel, .cancellable = true});
    },
};

constexpr ConnectorEntry without_unix{
    .name = "without-unix",
    .summary = "",
    .options = {},
    .probe = willing.probe,
    .make = willing.make,
    .families = ip_families,
};

RunRequest request_for(std::initializer_list<const ConnectorEntry*> entries, std::string_view target) {
  RunRequest request;
  for (const ConnectorEntry* entry : entries) request.connectors.push_back({entry, std::string(entry->name), {}});
  request.targets = {find_target(target)};
  request.concurrency = {10};
  request.timeouts = {100ms};
  request.attempts = 50;
  return request;
}

TEST(DefaultWaveLimit, IsFiveSecondsAndTwiceTheTimeoutsOfAllRounds) {
  EXPECT_EQ(default_wave_limit(5000, 500, 200ms), 9s);
  EXPECT_EQ(default_wave_limit(501, 500, 1s), 9s);
  EXPECT_EQ(default_wave_limit(1, 100, 1s), 7s);
}

TEST(Plan, EachRepetitionHasEveryCaseOnceInItsOwnRandomOrder) {
  RunRequest request = request_for({&willing, &small}, "accepting");
  request.families = {Family::ipv4, Family::ipv6};
  request.concurrency = {1, 5, 10};
  request.timeouts = {100ms, 1s};
  request.repetitions = 3;
  const Plan plan = make_plan(request);
  ASSERT_THAT(plan.cases, SizeIs(24));
  ASSERT_THAT(plan.waves, SizeIs(72));
  std::set<std::vector<size_t>> orders;
  for (unsigned repetition = 1; repetition <= 3; ++repetition) {
    std::vector<size_t> order;
    for (const PlannedWave& wave : std::span(plan.waves).subspan((repetition - 1) * 24, 24)) {
      EXPECT_EQ(wave.repetition, repetition);
      order.push_back(wave.which);
    }
    EXPECT_THAT(order, UnorderedElementsAreArray(seeded_order(24, 0)));
    orders.insert(order);
  }
  EXPECT_THAT(orders, SizeIs(3));
}

TEST(Plan, IsTheSameForTheSameSeed) {
  RunRequest request = request_for({&willing, &small}, "accepting");
  request.concurrency = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto order = [&request](uint64_t seed) {
    request.seed = seed;
    std::vector<size_t> which;
    for (const PlannedWave& wave : make_plan(request).waves) which.push_back(wave.which);
    return which;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
}

TEST(Plan, ACaseHasEverythingThatWasRequested) {
  const RunRequest request = request_for({&willing}, "refusing");
  const Plan plan = make_plan(request);
  ASSERT_THAT(plan.cases, SizeIs(1));
  EXPECT_EQ(plan.cases[0].what, (Case{.scenario = "burst",
                                      .connector = "willing",
                                      .target = "refusing",
                                      .family = Family::ipv4,
                                      .concurrency = 10,
                                      .shards = 1,
                                      .attempts = 50,
                                      .timeout = 100ms}));
  EXPECT_EQ(plan.cases[0].limit, default_wave_limit(50, 10, 100ms));
  EXPECT_GT(plan.cases[0].expected, Duration::zero());
  EXPECT_EQ(plan.expected, 2 * plan.cases[0].expected) << "one timed wave and one that counts system calls";
}

TEST(Plan, ExpectsWholeTimeoutsWhenNothingAnswersAndTheLimitWithoutADeadline) {
  RunRequest request = request_for({&willing}, "backlog-full");
  request.count_syscalls = false;
  const Duration with_deadline = make_plan(request).expected;
  EXPECT_GE(with_deadline, 500ms);
  EXPECT_LT(with_deadline, 1s);
  request.connectors = request_for({&patient}, "backlog-full").connectors;
  EXPECT_GE(make_plan(request).expected, default_wave_limit(50, 10, 100ms));
}

TEST(Plan, ExpectsNoMoreThanTheLimitEvenIfTheTimeoutsAddUpToMore) {
  RunRequest request = request_for({&willing}, "backlog-full");
  request.count_syscalls = false;
  request.attempts = 100'000'000;
  request.concurrency = {1};
  request.timeouts = {24h};
  request.wave_limit = 10s;
  const Duration busy = 50us * request.attempts;
  EXPECT_GE(make_plan(request).expected, busy + 10s);
  EXPECT_LT(make_plan(request).expected, busy + 11s);
}

// 131 s, times 10^8 attempts, is more than 63 bits of nanoseconds hold.
TEST(Plan, SkipsACaseThatMayTakeCenturies) {
  RunRequest request = request_for({&stubborn}, "backlog-full");
  request.attempts = 100'000'000;
  request.repetitions = 10'000;
  EXPECT_THAT(make_plan(request).cases, IsEmpty());
}

TEST(Plan, ExpectsALongTimeWhenItsWavesTakeLongerThanTheClockCounts) {
  RunRequest request = request_for({&patient}, "backlog-full");
  request.attempts = 100'000'000;
  request.concurrency = {1};
  request.timeouts = {24h};
  request.repetitions = 10'000;
  EXPECT_EQ(make_plan(request).expected, Duration::max());
}

TEST(Plan, SkipsOnlyTheCasesThatAConnectorRefuses) {
  RunRequest request = request_for({&willing, &small}, "accepting");
  request.concurrency = {10, 11};
  const Plan plan = make_plan(request);
  EXPECT_THAT(plan.cases, SizeIs(3));
  ASSERT_THAT(plan.skipped, SizeIs(1));
  EXPECT_EQ(plan.skipped[0].what.connector, "small");
  EXPECT_EQ(plan.skipped[0].what.concurrency, 11U);
  EXPECT_EQ(plan.skipped[0].reason, "holds 10 at most");
}

TEST(Plan, AsksAConnectorOnlyForTheShareOfOneShard) {
  RunRequest request = request_for({&willing, &small}, "accepting");
  request.concurrency = {20, 21};
  request.shards = 2;
  const Plan plan = make_plan(request);
  EXPECT_THAT(plan.cases, SizeIs(3));
  EXPECT_EQ(plan.cases[0].what.shards, 2U);
  ASSERT_THAT(plan.skipped, SizeIs(1));
  EXPECT_EQ(plan.skipped[0].what.concurrency, 21U) << "one of its shards gets 11";
}

TEST(Plan, SkipsAFamilyThatTheTargetDoesNotServe) {
  RunRequest request = request_for({&willing}, "speaking-first");
  request.families = {Family::ipv4, Family::unix_domain};
  const Plan plan = make_plan(request);
  EXPECT_THAT(plan.cases, SizeIs(1));
  ASSERT_THAT(plan.skipped, SizeIs(1));
  EXPECT_THAT(plan.skipped[0].reason, HasSubstr("speaking-first"));
}

TEST(Plan, SkipsAFamilyThatTheConnectorDoesNotServe) {
  RunRequest request = request_for({&willing, &without_unix}, "accepting");
  request.families = {Family::ipv4, Family::unix_domain};
  const Plan plan = make_plan(request);
  EXPECT_THAT(plan.cases, SizeIs(3));
  ASSERT_THAT(plan.skipped, SizeIs(1));
  EXPECT_EQ(plan.skipped[0].what.family, Family::unix_domain);
  EXPECT_THAT(plan.skipped[0].reason, HasSubstr("without-unix cannot connect over family unix"));
}

// What a library leaves behind in the process that uses it first must not affect the waves of other connectors.
TEST(Plan, MakesConnectorsInAnotherProcess) {
  static size_t made_here = 0;
  ConnectorEntry counted = willing;
  counted.make = [](const ConnectorSettings&) -> std::unique_ptr<Connector> {
    ++made_here;
    return std::make_unique<Described>(Capabilities{.deadline_by = Capabilities::DeadlineBy::timer, .early = 3ms});
  };
  const Plan plan = make_plan(request_for({&counted}, "accepting"));
  ASSERT_THAT(plan.cases, SizeIs(1));
  EXPECT_EQ(plan.cases[0].capabilities, (Capabilities{.deadline_by = Capabilities::DeadlineBy::timer, .early = 3ms}));
  EXPECT_EQ(made_here, 0U);
}

TEST(Plan, SkipsAConnectorThatCannotBeMadeAndGivesTheReason) {
  ConnectorEntry broken = willing;
  broken.make = [](const ConnectorSettings&) -> std::unique_ptr<Connector> {
    throw std::system_error(EMFILE, std::generic_category(), "epoll_create1");
  };
  const Plan plan = make_plan(request_for({&willing, &broken}, "accepting"));
  EXPECT_THAT(plan.cases, SizeIs(1));
  ASSERT_THAT(plan.skipped, SizeIs(1));
  EXPECT_THAT(plan.skipped[0].reason, HasSubstr("epoll_create1"));
}

TEST(Plan, SkipsACaseWhoseAttemptsWouldNeverEnd) {
  const Plan plan = make_plan(request_for({&willing, &stubborn}, "backlog-full"));
  EXPECT_THAT(plan.cases, SizeIs(1));
  ASSERT_THAT(plan.skipped, SizeIs(1));
  EXPECT_EQ(plan.skipped[0].what.connector, "stubborn");
  EXPECT_THAT(plan.skipped[0].reason, HasSubstr("no deadline"));
}

TEST(Plan, LeavesTheDeadlineToTheKernelWhenTheLimitIsLongEnough) {
  RunRequest request = request_for({&stubborn}, "backlog-full");
  request.wave_limit = 24h;
  EXPECT_THAT(make_plan(request).skipped, IsEmpty());
  request.families = {Family::unix_domain};
  EXPECT_THAT(make_plan(request).skipped, SizeIs(1)) << "on a UNIX socket the kernel never gives up";
}

}  // namespace
}  // namespace connbench
