// Waves of several shards: which shard makes which attempt, with what, and what happens when a shard fails.
#include "harness/wave/shard.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "harness/support/sanitized.h"
#include "harness/targets/target.h"
#include "tests/harness/connector/misbehaving_connectors.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Divisions, HaveOnePlaceForEveryAttemptAndKeepAShardsTogether) {
  for (const size_t attempts : {0U, 1U, 3U, 26U, 1000U})
    for (const size_t shards : {1U, 2U, 3U, 7U, 26U}) {
      const Division division{attempts, shards};
      std::set<size_t> places;
      for (size_t i = 0; i < attempts; ++i) {
        const size_t shard = division.shard_of(i);
        EXPECT_GE(division.place(i), division.first(shard));
        EXPECT_LT(division.place(i), division.first(shard) + division.count(shard));
        places.insert(division.place(i));
      }
      EXPECT_EQ(places.size(), attempts);
      EXPECT_EQ(division.first(shards), attempts) << "together the shards make all attempts";
      EXPECT_LE(division.count(0), division.count(shards - 1) + 1) << "the shares differ by at most one";
    }
}

// Records in each sample what the shard's connector was given: in `os_error` the port of the endpoint, and in
// `syn_retransmits` how many attempts it may have in flight.
class Telltale final : public Connector {
 public:
  explicit Telltale(size_t max_in_flight) : max_in_flight_(max_in_flight) {}
  Capabilities capabilities() const override { return {}; }
  size_t submit(std::span<const Attempt> offered) override {
    for (const Attempt& attempt : offered)
      done_.push_back({.id = attempt.id,
                       .result = {Outcome::connected, Stage::connect, attempt.endpoints.front().port()},
                       .started = now(),
                       .finished = now(),
                       .handshake = {.known = true, .syn_retransmits = static_cast<uint8_t>(max_in_flight_)}});
    return offered.size();
  }
  size_t reap(std::vector<Completion>& completions, TimePoint) override {
    completions.insert(completions.end(), done_.begin(), done_.end());
    return std::exchange(done_, {}).size();
  }
  void cancel_all() override {}
  size_t in_flight() const override { return done_.size(); }

 private:
  size_t max_in_flight_;
  std::vector<Completion> done_;
};

class Uninterested final : public WaveParent {
 public:
  bool should_stop() override { return false; }
};

class ShardedWaves : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
    if (stopped_) return;  // samples of attempts that were never offered are left as they were
    for (const Sample& sample : buffer_.samples()) EXPECT_EQ(sample.state, Sample::State::done);
  }

  WaveResult run(Make make, WaveParent& parent, std::function<std::unique_ptr<Pacing>()> pacing = closed_loop) {
    const ConnectorEntry entry{.name = "of-this-test",
                               .summary = "",
                               .options = {},
                               .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
                               .make = make};
    const NamedConnector connector{&entry, "of-this-test", {}};
    what_.connector = connector.name;
    return run_wave({.what = &what_,
                     .connector = &connector,
                     .load = {.endpoints = endpoints_, .limit = 1h},
                     .warm_up = {},
                     .pacing = std::move(pacing)},
                    buffer_, parent);
  }
  WaveResult run(Make make, std::function<std::unique_ptr<Pacing>()> pacing = closed_loop) {
    Uninterested parent;
    return run(make, parent, std::move(pacing));
  }

  const Sample& sample(size_t attempt) const { return buffer_.samples()[division_.place(attempt)]; }
  size_t count(Outcome outcome) const {
    return static_cast<size_t>(std::ranges::count(buffer_.samples(), outcome, &Sample::outcome));
  }

  static constexpr size_t attempts = 100;
  static constexpr Division division_{attempts, 3};
  bool stopped_ = false;
  Case what_{.scenario = "burst",
             .connector = "",
             .target = "none",
             .concurrency = 10,
             .shards = division_.shards,
             .attempts = attempts,
             .timeout = 1s};
  std::vector<Endpoint> endpoints_{Endpoint::ipv4(INADDR_LOOPBACK, 1), Endpoint::ipv4(INADDR_LOOPBACK, 2),
                                   Endpoint::ipv4(INADDR_LOOPBACK, 3), Endpoint::ipv4(INADDR_LOOPBACK, 4),
                                   Endpoint::ipv4(INADDR_LOOPBACK, 5), Endpoint::ipv4(INADDR_LOOPBACK, 6)};
  SampleBuffer buffer_{attempts};
};

std::unique_ptr<Connector> make_telltale(const ConnectorSettings& settings) {
  return std::make_unique<Telltale>(settings.max_in_flight);
}

TEST_F(ShardedWaves, MakeEveryAttemptOnceAndToTheSameHostAsAnUndividedWave) {
  const WaveResult result = run(make_telltale);
  EXPECT_THAT(result.failure, IsEmpty());
  EXPECT_EQ(count(Outcome::connected), attempts);
  for (size_t i = 0; i < attempts; ++i) EXPECT_EQ(sample(i).os_error, endpoints_[i % endpoints_.size()].port()) << i;
}

TEST_F(ShardedWaves, ShareTheConcurrency) {
  run(make_telltale);
  EXPECT_EQ(sample(0).syn_retransmits, 4) << "three shards share 10 as 4, 3 and 3";
  EXPECT_EQ(sample(1).syn_retransmits, 3);
  EXPECT_EQ(sample(2).syn_retransmits, 3);
}

TEST_F(ShardedWaves, FollowOneScheduleOfArrivals) {
  const WaveResult result = run(make_telltale, [] { return uniform_arrivals(10'000); });
  for (size_t i = 0; i < attempts; ++i)
    EXPECT_EQ(sample(i).scheduled_ns - result.started_ns, static_cast<int64_t>(i) * 100'000) << i;
}

TEST_F(ShardedWaves, MayHaveMoreShardsThanAttempts) {
  what_.shards = attempts + 5;
  what_.concurrency = attempts + 5;
  const WaveResult result = run(make_telltale);
  EXPECT_THAT(result.failure, IsEmpty());
  EXPECT_EQ(count(Outcome::connected), attempts);
}

// Waiting for the other shards would take an hour, the limit of the wave.
TEST_F(ShardedWaves, FailAtOnceWhenOneShardThrows) {
  const WaveResult result = run([](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
    if (settings.max_in_flight == 3) return std::make_unique<Silent>();
    return std::make_unique<Prompt>([] { throw std::runtime_error("out of luck"); });
  });
  EXPECT_THAT(result.failure, HasSubstr("out of luck"));
}

TEST_F(ShardedWaves, ReportThatAShardsConnectorCouldNotBeMade) {
  const WaveResult result = run([](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
    if (settings.max_in_flight == 3) throw std::system_error(EMFILE, std::generic_category(), "epoll_create1");
    return std::make_unique<Silent>();
  });
  EXPECT_THAT(result.failure, HasSubstr("epoll_create1: Too many open files"));
  EXPECT_EQ(result.started_ns, 0);
  EXPECT_EQ(count(Outcome::never_started), attempts);
}

TEST_F(ShardedWaves, EndCleanlyAfterARequestToStop) {
  class OnceAllHaveBegun final : public WaveParent {
   public:
    explicit OnceAllHaveBegun(const SampleBuffer& samples) : samples_(samples) {}
    bool should_stop() override {
      for (size_t shard = 0; shard < division_.shards; ++shard)
        if (samples_.samples()[division_.first(shard)].state == Sample::State::offered) return false;
      return true;
    }

   private:
    const SampleBuffer& samples_;
  };
  OnceAllHaveBegun parent(buffer_);
  const WaveResult result = run(make_silent, parent);
  stopped_ = true;
  EXPECT_THAT(result.failure, IsEmpty());
  ASSERT_EQ(result.offered.size(), division_.shards);
  EXPECT_EQ(count(Outcome::cancelled), std::accumulate(result.offered.begin(), result.offered.end(), size_t{0}));
  EXPECT_GE(count(Outcome::cancelled), division_.shards);
}

// With real sockets. Together the shards hold more of them than RLIMIT_NOFILE allows in one descriptor table.
class ShardsBeyondTheLimit : public testing::TestWithParam<const char*> {
 protected:
  static constexpr rlim_t limit = 256;
  static constexpr size_t pending = 600;

  void SetUp() override {
    if (thread_sanitizer) GTEST_SKIP() << "its shards share one descriptor table";
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    connector_ = find_connector(GetParam());
    Retirement retirement({}, 0);
    if (const auto reason = connector_.entry->probe({connector_.options, pending / 4, retirement}))
      GTEST_SKIP() << *reason;
    target_ = find_target("backlog-full").open({.open_at_once = pending});
  }
  void TearDown() override {
    if (!IsSkipped()) ::setrlimit(RLIMIT_NOFILE, &before_);
  }

  rlimit before_{};
  NamedConnector connector_;
  std::unique_ptr<Target> target_;
};
INSTANTIATE_TEST_SUITE_P(Ways, ShardsBeyondTheLimit, testing::Values("epoll", "io-uring", "poll-threads"));

TEST_P(ShardsBeyondTheLimit, HoldAllTheirAttempts) {
  const rlimit lowered{.rlim_cur = limit, .rlim_max = before_.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
  const Case what{.scenario = "burst",
                  .connector = connector_.name,
                  .target = "backlog-full",
                  .concurrency = pending,
                  .shards = 4,
                  .attempts = pending,
                  .timeout = sanitized ? 5s : 2s};
  SampleBuffer buffer(pending);
  Uninterested parent;
  const WaveResult result = run_wave({.what = &what,
                                      .connector = &connector_,
                                      .load = {.endpoints = target_->endpoints(), .limit = 60s},
                                      .warm_up = {},
                                      .pacing = closed_loop},
                                     buffer, parent);
  EXPECT_THAT(result.failure, IsEmpty());
  for (const Sample& sample : buffer.samples()) ASSERT_EQ(sample.outcome, Outcome::deadline_exceeded);
}

}  // namespace
}  // namespace connbench
