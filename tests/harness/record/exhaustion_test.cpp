#include "harness/record/exhaustion.h"

#include <gmock/gmock.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/support/python_csv.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

const RampName ramp{.connector = "epoll", .resource = "fds", .limit_kind = "rlimit_nofile", .limit = 64};
constexpr RampStep reading{.elapsed_ns = 5,
                           .pending = 6,
                           .holding = {.threads = 1, .fds = 2, .rss_kib = 3, .kernel_kib = 4},
                           .start_p50_ns = 7,
                           .start_p99_ns = 8};

RampEnd exhausted() {
  RampEnd end{.stopped = Stopped::exhausted, .os_error = 24, .healthy_p50_ns = 11, .recovery_released_ns = 12};
  std::strcpy(end.call, "socket");
  return end;
}

class Exhaustion : public testing::Test {
 protected:
  RunInfo info() const {
    RunInfo info;
    info.run_id = "r";
    return info;
  }
  ExhaustionRecorder recorder() const { return {RunFolder(folder_.path()), info(), {{"resource", "fds"}}}; }
  Rows rows() const { return read_with_python(folder_.path() / "exhaustion.csv"); }
  nlohmann::json run() const { return nlohmann::json::parse(content_of(folder_.path() / "run.json")); }

  TemporaryFolder folder_;
};

TEST_F(Exhaustion, RowsOfAReadingLeaveTheColumnsOfTheEndEmpty) {
  recorder().step(ramp, reading);
  EXPECT_THAT(rows().at(1), ElementsAre("r", "epoll", "fds", "rlimit_nofile", "64", "1", "0", "5", "6", "1", "2", "3",
                                        "4", "7", "8", "", "", "", "", "", ""));
}

TEST_F(Exhaustion, TheLastRowSaysWhatStoppedTheRampAndHowItRecovered) {
  recorder().end(ramp, reading, exhausted());
  EXPECT_THAT(rows().at(1), ElementsAre("r", "epoll", "fds", "rlimit_nofile", "64", "1", "0", "5", "6", "1", "2", "3",
                                        "4", "7", "8", "socket", "24", "11", "", "", "12"));
}

TEST_F(Exhaustion, UnknownFiguresAreEmptyRatherThanZero) {
  recorder().step(ramp, {});
  EXPECT_THAT(rows().at(1), ElementsAre("r", "epoll", "fds", "rlimit_nofile", "64", "1", "0", "0", "0", "", "", "", "",
                                        "", "", "", "", "", "", "", ""));
}

TEST_F(Exhaustion, StepsAreNumberedPerRamp) {
  auto to = recorder();
  RampName again = ramp;
  again.repetition = 2;
  to.step(ramp, reading);
  to.end(ramp, reading, exhausted());
  to.step(again, reading);
  std::vector<std::string> steps;
  for (const auto& row : rows()) steps.push_back(row.at(6));
  EXPECT_THAT(steps, ElementsAre("step", "0", "1", "0"));
}

TEST_F(Exhaustion, NamesWhatStoppedARamp) {
  RampEnd end;
  EXPECT_EQ(stopped_call(end), "");
  end.stopped = Stopped::full;
  EXPECT_EQ(stopped_call(end), "full");
  end.stopped = Stopped::out_of_time;
  EXPECT_EQ(stopped_call(end), "time");
  EXPECT_EQ(stopped_call(exhausted()), "socket");
}

TEST_F(Exhaustion, ARunIsCompleteOnlyOnceItIsFinished) {
  auto to = recorder();
  to.end(ramp, reading, exhausted());
  EXPECT_EQ(run().at("complete"), false);
  EXPECT_EQ(run().at("exhaustion").at("resource"), "fds");
  EXPECT_THAT(run().at("exhaustion").at("ramps"), SizeIs(1));
  EXPECT_EQ(run().at("exhaustion").at("ramps").at(0).at("unloaded_p50_ns"), nullptr);
  to.finish(true, {{"average", nullptr}});
  EXPECT_EQ(run().at("complete"), true);
}

TEST_F(Exhaustion, AFolderWithSuchARunIsRefused) {
  recorder().finish(true, {{"average", nullptr}});
  std::filesystem::remove(folder_.path() / "run.json");
  EXPECT_THROW(RunFolder{folder_.path()}, std::invalid_argument);
}

}  // namespace
}  // namespace connbench
