#include "harness/wave/wave.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <stdexcept>

#include "tests/harness/connector/misbehaving_connectors.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr size_t attempts = 20;
enum class Stop { never, at_once, once_begun };

class ParentThat final : public WaveParent {
 public:
  ParentThat(Stop stop, const SampleBuffer& samples) : stop_(stop), samples_(samples) {}
  bool should_stop() override {
    if (stop_ == Stop::once_begun) return samples_.samples().front().state != Sample::State::offered;
    return stop_ == Stop::at_once;
  }

 private:
  Stop stop_;
  const SampleBuffer& samples_;
};

class Waves : public testing::Test {
 protected:
  void SetUp() override {
    const rlimit no_core{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_CORE, &no_core);
  }
  void TearDown() override {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
    const size_t complete = offered_.empty() ? attempts : offered_.at(0);
    for (size_t i = 0; i < attempts; ++i) {
      const Sample& sample = buffer_.samples()[i];
      EXPECT_EQ(sample.state, i < complete ? Sample::State::done : Sample::State::offered) << i;
      EXPECT_TRUE(offered_.empty() || (sample.scheduled_ns == 0) == (i >= complete)) << i;
    }
  }

  WaveResult run(Make make, Duration limit = 1h, Stop stop = Stop::never) {
    const ConnectorEntry entry{.name = "of-this-test",
                               .summary = "",
                               .options = {},
                               .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
                               .make = make};
    const NamedConnector connector{&entry, "of-this-test", {}};
    const Case what{.scenario = "burst",
                    .connector = connector.name,
                    .target = "none",
                    .concurrency = 4,
                    .attempts = attempts,
                    .timeout = 1s};
    const std::vector<Endpoint> nowhere{Endpoint::ipv4(INADDR_LOOPBACK, 1)};
    ParentThat parent(stop, buffer_);
    WaveResult result = run_wave({.what = &what,
                                  .connector = &connector,
                                  .load = {.endpoints = nowhere, .limit = limit},
                                  .warm_up = {},
                                  .pacing = closed_loop},
                                 buffer_, parent);
    offered_ = result.offered;
    return result;
  }

  WaveResult run_prompt(Prompt::Misbehave misbehave, Duration limit = 1h, Stop stop = Stop::never) {
    misbehaviour = misbehave;
    return run(make_prompt, limit, stop);
  }

  size_t count(Outcome outcome) const {
    return static_cast<size_t>(std::ranges::count(buffer_.samples(), outcome, &Sample::outcome));
  }

  SampleBuffer buffer_{attempts};
  std::vector<size_t> offered_;  // of a wave that was stopped
};

TEST_F(Waves, ReturnWhatTheChildMeasured) {
  const TimePoint before = now();
  const WaveResult result = run_prompt([] {});
  EXPECT_THAT(result.failure, IsEmpty());
  EXPECT_EQ(result.what.connector, "of-this-test");
  EXPECT_GE(result.started_ns, to_ns(before));
  EXPECT_LE(result.started_ns, to_ns(now()));
  EXPECT_GE(result.usage.cpu_ns, 0);
  EXPECT_EQ(count(Outcome::connected), attempts);
}

TEST_F(Waves, ReportThatTheConnectorCouldNotBeMade) {
  const WaveResult result = run([](const ConnectorSettings&) -> std::unique_ptr<Connector> {
    throw std::system_error(EMFILE, std::generic_category(), "epoll_create1");
  });
  EXPECT_THAT(result.failure, HasSubstr("epoll_create1: Too many open files"));
  EXPECT_EQ(result.started_ns, 0);
  EXPECT_EQ(count(Outcome::never_started), attempts);
}

TEST_F(Waves, ReportThatTheConnectorThrew) {
  EXPECT_THAT(run_prompt([] { throw std::runtime_error("out of luck"); }).failure, HasSubstr("out of luck"));
  EXPECT_EQ(count(Outcome::cancelled), 1U) << "the attempt in progress";
  EXPECT_EQ(count(Outcome::never_started), attempts - 1);
}

TEST_F(Waves, ReportThatTheConnectorThrewSomethingElse) {
  EXPECT_THAT(run_prompt([] { throw 42; }).failure, HasSubstr("threw"));
}

TEST_F(Waves, SurviveAConnectorThatAborts) {
  EXPECT_THAT(run_prompt([] { std::abort(); }).failure, HasSubstr("signal 6"));
  EXPECT_EQ(count(Outcome::cancelled), 1U);
  EXPECT_EQ(count(Outcome::never_started), attempts - 1);
}

TEST_F(Waves, SurviveAConnectorThatEndsTheProcess) {
  EXPECT_THAT(run_prompt([] { ::_exit(3); }).failure, HasSubstr("status 3"));
}

TEST_F(Waves, KillAConnectorThatHangs) {
  EXPECT_THAT(run_prompt(hang, 10ms).failure, HasSubstr("hangs"));
  EXPECT_EQ(count(Outcome::cancelled), 1U);
  EXPECT_EQ(count(Outcome::never_started), attempts - 1);
}

TEST_F(Waves, KillAConnectorThatHangsAfterARequestToStop) {
  EXPECT_THAT(run_prompt(hang, 1h, Stop::once_begun).failure, HasSubstr("by request"));
}

// The request comes while the child is being set up; the connector hangs afterwards.
TEST_F(Waves, KillAConnectorThatHangsWhenItIsCancelled) {
  const WaveResult result = run(
      [](const ConnectorSettings&) -> std::unique_ptr<Connector> {
        struct Stuck final : Silent {
          [[noreturn]] void cancel_all() override { hang(); }
        };
        sleep_until(now() + 50ms);
        return std::make_unique<Stuck>();
      },
      1h, Stop::at_once);
  EXPECT_THAT(result.failure, HasSubstr("by request"));
}

TEST_F(Waves, EndCleanlyAfterARequestToStop) {
  const WaveResult result = run(make_silent, 1h, Stop::once_begun);
  EXPECT_THAT(result.failure, IsEmpty());
  ASSERT_EQ(result.offered.size(), 1U);
  EXPECT_EQ(count(Outcome::cancelled), result.offered[0]) << "as many as may be in flight, and no row for the rest";
  EXPECT_EQ(result.offered[0], 4U);
}

TEST_F(Waves, EndCleanlyAtTheirLimit) {
  const WaveResult result = run(make_silent, 20ms);
  EXPECT_THAT(result.failure, IsEmpty());
  EXPECT_EQ(count(Outcome::cancelled), 4U);
  EXPECT_EQ(count(Outcome::never_started), attempts - 4);
}

}  // namespace
}  // namespace connbench
