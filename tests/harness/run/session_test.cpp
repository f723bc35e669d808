#include "harness/run/session.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/process/stop_signal.h"
#include "harness/record/recorder.h"
#include "harness/run/local_site.h"
#include "harness/run/plan.h"
#include "tests/harness/connector/misbehaving_connectors.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::optional<std::string> always_available(const ConnectorSettings&) {
  return std::nullopt;
}
std::unique_ptr<Connector> make_working(const ConnectorSettings&) {
  return std::make_unique<Prompt>([] {});
}
std::unique_ptr<Connector> make_crashing(const ConnectorSettings&) {
  return std::make_unique<Prompt>([] { ::_exit(3); });
}

constexpr ConnectorEntry working{
    .name = "working", .summary = "", .options = {}, .probe = always_available, .make = make_working};
constexpr ConnectorEntry also_working{
    .name = "also-working", .summary = "", .options = {}, .probe = always_available, .make = make_working};
constexpr ConnectorEntry crashing{
    .name = "crashing", .summary = "", .options = {}, .probe = always_available, .make = make_crashing};
constexpr ConnectorEntry unavailable{
    .name = "unavailable",
    .summary = "",
    .options = {},
    .probe = [](const ConnectorSettings&) -> std::optional<std::string> { return "not on this machine"; },
    .make = make_working};

// A process that does nothing until it is killed.
class IdleProcess {
 public:
  IdleProcess() : pid_(checked(::fork(), "fork")) {
    if (pid_ == 0) hang();
  }
  ~IdleProcess() {
    kill();
    ::waitpid(pid_, nullptr, 0);
  }
  IdleProcess(const IdleProcess&) = delete;
  IdleProcess& operator=(const IdleProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Returns when it is dead, and leaves it to be reaped.
  void kill() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

 private:
  pid_t pid_;
};

// The server of the target that is open.
const IdleProcess* open_server = nullptr;

// The connectors of this test connect to nothing.
class FakeTarget final : public Target {
 public:
  FakeTarget() { open_server = &server_; }
  ~FakeTarget() override { open_server = nullptr; }
  std::span<const Endpoint> endpoints() const override { return endpoints_; }
  pid_t server() const override { return server_.pid(); }

 private:
  std::vector<Endpoint> endpoints_{Endpoint::ipv4(INADDR_LOOPBACK, 1)};
  IdleProcess server_;
};

template <Outcome expected>
constexpr TargetEntry fake_target{
    .name = "fake",
    .summary = "",
    .families = every_family,
    .answers = true,
    .expected_outcomes = [](Family) { return OutcomeSet{expected}; },
    .open = [](const TargetRequest&) -> std::unique_ptr<Target> { return std::make_unique<FakeTarget>(); },
};

struct SeenWave {
  std::string connector;
  unsigned repetition;
  WavePurpose purpose;
  size_t done, total;
};

class Observer final : public SessionObserver {
 public:
  void on_wave(const PlannedCase& planned, unsigned repetition, WavePurpose purpose, size_t done,
               size_t total) override {
    waves.push_back({planned.what.connector, repetition, purpose, done, total});
    if (waves.size() == act_at) act();
  }

  std::vector<SeenWave> waves;
  size_t act_at = 0;  // the number of a wave, from 1; 0 = never
  std::function<void()> act;
};

class Sessions : public testing::Test {
 protected:
  Sessions() {
    request_.targets = {NamedTarget{&fake_target<Outcome::connected>, "fake", ""}};
    request_.concurrency = {2};
    request_.timeouts = {1s};
    request_.attempts = 8;
    request_.repetitions = 2;
    request_.count_syscalls = false;
  }
  void TearDown() override {
    session_.reset();
    site_.reset();
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
  }

  SessionEnd run(std::initializer_list<const ConnectorEntry*> connectors) {
    for (const ConnectorEntry* entry : connectors) request_.connectors.push_back({entry, std::string(entry->name), {}});
    plan_ = make_plan(request_);
    RunInfo info;
    info.run_id = "run";
    info.arrival = request_.arrival;
    recorder_.emplace(RunFolder(folder_.path()), info);
    site_.emplace(request_, plan_, placement_, stop_, observer_);
    session_.emplace(request_, plan_, *site_, *recorder_, observer_);
    return session_->run();
  }
  nlohmann::json document() const { return nlohmann::json::parse(content_of(folder_.path() / "run.json")); }
  std::string warnings() const { return document().at("warnings").dump(); }

  TemporaryFolder folder_;
  StopSignal stop_;
  RunRequest request_;
  Plan plan_;
  Placement placement_;
  Observer observer_;
  std::optional<Recorder> recorder_;
  std::optional<LocalSite> site_;
  std::optional<Session> session_;
};

TEST_F(Sessions, RunEveryWaveOfThePlan) {
  EXPECT_EQ(run({&working, &also_working}), SessionEnd::complete);
  ASSERT_THAT(session_->results(), SizeIs(2));
  for (const CaseResult& result : session_->results()) {
    ASSERT_THAT(result.rows, SizeIs(2));
    for (const SummaryRow& row : result.rows) EXPECT_EQ(row.count(Outcome::connected), 8U);
    EXPECT_THAT(result.failures, IsEmpty());
  }
  // Another test on this machine may make a listen queue overflow.
  EXPECT_THAT(session_->warnings(), testing::Each(HasSubstr("listen queues overflowed")));
  EXPECT_EQ(session_->died(), "");
}

TEST_F(Sessions, AnnounceEachWaveAndHowManyAreOver) {
  run({&working});
  ASSERT_THAT(observer_.waves, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(observer_.waves[i].repetition, i + 1);
    EXPECT_EQ(observer_.waves[i].done, i);
    EXPECT_EQ(observer_.waves[i].total, 2U);
    EXPECT_EQ(observer_.waves[i].purpose, WavePurpose::timing);
  }
}

TEST_F(Sessions, CountSystemCallsBeforeAnythingIsTimed) {
  request_.count_syscalls = true;
  EXPECT_EQ(run({&working}), SessionEnd::complete);
  if (session_->syscall_method().empty()) {
    EXPECT_THAT(warnings(), HasSubstr("system calls are not counted"));
    return;
  }
  ASSERT_THAT(observer_.waves, SizeIs(3));
  EXPECT_EQ(observer_.waves[0].purpose, WavePurpose::counting_syscalls);
  EXPECT_EQ(observer_.waves[0].repetition, 0U);
  EXPECT_EQ(observer_.waves[1].purpose, WavePurpose::timing);
  EXPECT_EQ(observer_.waves[2].total, 3U);
  EXPECT_THAT(session_->results().front().rows, SizeIs(2)) << "the counting wave is not a timed one";
}

TEST_F(Sessions, RecordTheCapabilitiesOfWhatTheyMeasureAndTheReasonsForWhatTheySkip) {
  run({&working, &unavailable});
  const auto connectors = document().at("connectors");
  ASSERT_THAT(connectors, SizeIs(1));
  EXPECT_EQ(connectors.at("working").at("capabilities").at("completes_in_submit"), true);
  const auto skipped = document().at("skipped");
  ASSERT_THAT(skipped, SizeIs(1));
  EXPECT_EQ(skipped.at(0).at("connector"), "unavailable");
  EXPECT_EQ(skipped.at(0).at("reason"), "not on this machine");
}

TEST_F(Sessions, ContinueAfterAWaveThatCrashes) {
  EXPECT_EQ(run({&crashing, &working}), SessionEnd::complete);
  EXPECT_THAT(session_->results()[0].failures, SizeIs(2));
  EXPECT_THAT(session_->results()[1].failures, IsEmpty());
  EXPECT_THAT(session_->results()[1].rows, SizeIs(2));
  EXPECT_THAT(document().at("failures"), SizeIs(2));
  EXPECT_THAT(warnings(), HasSubstr("crashing on fake (IPv4, 2 in flight, timeout 1s): 2 of 2 waves failed"));
  EXPECT_THAT(warnings(), Not(HasSubstr("--wave-limit"))) << "the outcomes come from the crash";
}

TEST_F(Sessions, WarnAboutAnOutcomeThatTheTargetDoesNotExplain) {
  request_.targets = {NamedTarget{&fake_target<Outcome::refused>, "fake", ""}};
  EXPECT_EQ(run({&working}), SessionEnd::complete);
  EXPECT_THAT(session_->warnings(), Contains(HasSubstr("unexpected outcomes for fake: 16 connected")));
  EXPECT_THAT(warnings(), HasSubstr("unexpected outcomes for fake"));
}

TEST_F(Sessions, StopAtASignalAndRecordTheWaveThatItCutShort) {
  request_.repetitions = 5;
  observer_.act_at = 2;
  observer_.act = [] { ::raise(SIGTERM); };
  EXPECT_EQ(run({&working}), SessionEnd::interrupted);
  EXPECT_THAT(observer_.waves, SizeIs(2));
  EXPECT_THAT(session_->results().front().rows, SizeIs(1)) << "the wave that was cut short is no result";
  EXPECT_THAT(session_->results().front().failures, IsEmpty()) << "the connector is not to blame";
  EXPECT_THAT(warnings(), Not(HasSubstr("--wave-limit")));
  EXPECT_THAT(document().at("failures"), SizeIs(1));
}

TEST_F(Sessions, BreakOffWhenAServerDies) {
  request_.repetitions = 5;
  observer_.act_at = 2;
  observer_.act = [] { open_server->kill(); };
  EXPECT_EQ(run({&working}), SessionEnd::broke);
  EXPECT_EQ(session_->died(), "the server of fake (4)");
  EXPECT_THAT(observer_.waves, SizeIs(2));
  EXPECT_THAT(session_->results().front().rows, SizeIs(1)) << "the wave that was cut short is no result";
  EXPECT_THAT(document().at("failures"), SizeIs(1));
  EXPECT_THAT(warnings(), Not(HasSubstr("--wave-limit")));
}

TEST_F(Sessions, GiveEveryTargetOfAFleetItsShare) {
  request_.targets = {};
  request_.mixes = {parse_mix("accepting=75,refusing=25")};
  EXPECT_EQ(run({&working}), SessionEnd::complete);
  ASSERT_THAT(session_->results(), SizeIs(1));
  EXPECT_TRUE(session_->results().front().planned->what.is_fleet());
  for (const SummaryRow& row : session_->results().front().rows) {
    ASSERT_THAT(row.by_target, SizeIs(2));
    EXPECT_EQ(row.by_target[0].what.target, "accepting");
    EXPECT_EQ(row.by_target[0].attempts, 6U);
    EXPECT_EQ(row.by_target[1].attempts, 2U);
  }
  EXPECT_THAT(session_->warnings(),
              ElementsAre(HasSubstr("unexpected outcomes for this fleet: 4 connected at refusing")));
}

TEST_F(Sessions, EndASearchForARateAtAWaveThatCrashes) {
  request_.arrival = "uniform:1000/s";
  request_.find_rate = parse_rate_goal("p50<5ms");
  request_.first_rate = 1000;
  EXPECT_EQ(run({&crashing}), SessionEnd::complete);
  EXPECT_THAT(session_->results(), IsEmpty());
  ASSERT_THAT(session_->rates(), SizeIs(1));
  EXPECT_NE(session_->rates().front().failure, "");
  EXPECT_EQ(session_->rates().front().held, std::nullopt);
  EXPECT_THAT(session_->warnings(), Contains(HasSubstr("the search for a rate ended early")));
  EXPECT_EQ(document().at("rates").at(0).at("tolerance"), search_tolerance);
}

}  // namespace
}  // namespace connbench
