// Loads of connbench run, from the command line to the records: several rates, ramps, bursts, a given time, and what is
// read of each attempt on request.
#include <gmock/gmock.h>

#include <set>

#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::HasSubstr;

class LoadsOfARun : public testing::Test {
 protected:
  // With one wave of epoll at `accepting` for each load, unless the arguments say otherwise.
  Ended run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"run", "--connector", "epoll", "--repetitions", "1", "--timeout", long_timeout, "--out", out()});
    return connbench(arguments);
  }
  std::string out() const { return folder_.path() / "run"; }
  std::vector<Row> summary() const { return rows_of(out() + "/summary.csv"); }
  std::vector<Row> samples() const { return rows_of(out() + "/samples.csv"); }

  TemporaryFolder folder_;
};

TEST_F(LoadsOfARun, SeveralArrivalsAreCasesOfTheirOwn) {
  const Ended ended = run({"--arrival", "poisson:2000/s,4000/s,ramp:1000/s..3000/s:20ms,burst:10@5ms", "--attempts",
                           "40", "--syscalls", "off"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  std::set<std::string> scenarios;
  for (const Row& row : summary()) {
    scenarios.insert(row.at("scenario"));
    EXPECT_EQ(number(row, "connected"), 40U);
  }
  EXPECT_EQ(scenarios, (std::set<std::string>{"steady:poisson:2000/s", "steady:poisson:4000/s",
                                              "ramp:1000/s..3000/s:20ms", "burst:10@5ms"}));
  const auto run_json = json_of(out() + "/run.json");
  EXPECT_EQ(run_json.at("arrival"), "poisson:2000/s,poisson:4000/s,ramp:1000/s..3000/s:20ms,burst:10@5ms");
  EXPECT_EQ(run_json.at("arrivals").size(), 4U);
}

TEST_F(LoadsOfARun, ARampHasAsManyAttemptsAsAreDueUnlessToldOtherwise) {
  EXPECT_EQ(run({"--arrival", "ramp:1000/s..3000/s:20ms", "--syscalls", "off"}).status, 0);
  EXPECT_EQ(number(summary().at(0), "attempts"), 40U);
}

TEST_F(LoadsOfARun, WithARateADurationSaysHowManyAttempts) {
  EXPECT_EQ(run({"--arrival", "uniform:2000/s", "--duration", "30ms", "--syscalls", "off"}).status, 0);
  EXPECT_EQ(number(summary().at(0), "attempts"), 60U);
  EXPECT_EQ(samples().size(), 60U);
}

TEST_F(LoadsOfARun, InClosedLoopADurationEndsTheWave) {
  for (const char* shards : {"1", "2"}) {
    const TemporaryFolder folder;
    const std::string out = folder.path() / "run";
    const Ended ended = connbench({"run", "--connector", "epoll", "--repetitions", "1", "--timeout", long_timeout,
                                   "--out", out, "--duration", "100ms", "--concurrency", "4", "--shards", shards});
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_THAT(ended.out, HasSubstr("1 x 100ms"));
    const Row row = rows_of(out + "/summary.csv").at(0);
    EXPECT_GT(number(row, "attempts"), 0U);
    EXPECT_EQ(number(row, "connected"), number(row, "attempts"));
    EXPECT_EQ(accounted_for(row), number(row, "attempts"));
    EXPECT_EQ(row.at("syscalls"), "") << "their number belongs to a case of fixed size";
    const auto samples = rows_of(out + "/samples.csv");
    EXPECT_EQ(samples.size(), number(row, "attempts"));
    const int64_t end = std::stoll(row.at("wave_started_ns")) + 100'000'000;
    for (const Row& sample : samples) EXPECT_LT(std::stoll(sample.at("scheduled_ns")), end);
  }
}

TEST_F(LoadsOfARun, LocalPortsAreReadOnRequest) {
  EXPECT_EQ(run({"--attempts", "30", "--local-port", "--close", "hold", "--syscalls", "off"}).status, 0);
  std::set<std::string> ports;
  for (const Row& row : samples()) {
    EXPECT_GT(number(row, "local_port"), 0U);
    EXPECT_EQ(row.at("protocol"), "");
    ports.insert(row.at("local_port"));
  }
  EXPECT_GT(ports.size(), 1U);
}

TEST_F(LoadsOfARun, LocalPortsAreNotReadOtherwise) {
  EXPECT_EQ(run({"--attempts", "3", "--syscalls", "off"}).status, 0);
  for (const Row& row : samples()) EXPECT_EQ(row.at("local_port"), "");
}

TEST_F(LoadsOfARun, PercentilesAreChosen) {
  const Ended ended = run({"--attempts", "400", "--percentiles", "25,90.5", "--syscalls", "off"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, testing::AllOf(HasSubstr("p25"), HasSubstr("p90.5")));
  const auto entries = json_of(out() + "/run.json").at("percentiles");
  ASSERT_EQ(entries.size(), 1U);
  const auto& connecting = entries.at(0).at("connecting_ns");
  EXPECT_GT(connecting.at("p25"), 0);
  EXPECT_LE(connecting.at("p25"), connecting.at("p90.5"));
  EXPECT_GE(entries.at(0).at("response_ns").at("p90.5"), connecting.at("p25"));
}

TEST(SourceAddresses, OnLoopbackReachNoHostElsewhere) {
  const Ended ended =
      connbench({"run", "--connector", "epoll+source-address:127.0.0.2", "--target", "delayed:1ms", "--dry-run"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, testing::AnyOf(HasSubstr("127.0.0.2 is on loopback, and delayed:1ms is not"),
                                        HasSubstr("needs the lab")));
}

TEST(BadLoads, AreRefused) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--arrival", "closed,poisson:5/s"}, "two questions"},
      {{"--arrival", "poisson:5/s,5/s"}, "given twice"},
      {{"--arrival", "1000/s"}, "did you mean uniform:1000/s or poisson:1000/s"},
      {{"--arrival", "ramp:5/s"}, "should look like ramp:"},
      {{"--arrival", "burst:5@1s", "--find-rate", "p99<5ms"}, "no rate to search from"},
      {{"--arrival", "burst:5@24min", "--attempts", "1000"}, "days"},
      {{"--arrival", "uniform:1000000/s", "--duration", "20min"}, "at most 100000000"},
      {{"--duration", "1s", "--attempts", "5"}, "--attempts"},
      {{"--duration", "1s", "--close", "hold"}, "holds every connection"},
      {{"--percentiles", "50,100"}, "--percentiles"},
      {{"--percentiles", "50,50.0"}, "given twice"}};
  for (const auto& [arguments, why] : cases) {
    std::vector<std::string> all{"run", "--connector", "epoll", "--dry-run"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Ended ended = connbench(all);
    EXPECT_EQ(ended.status, 2) << why;
    EXPECT_THAT(ended.err, HasSubstr(why));
  }
}

}  // namespace
}  // namespace connbench
