#include "harness/run/steadiness.h"

#include <gmock/gmock.h>

#include <initializer_list>
#include <list>
#include <optional>

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Steadiness : public testing::Test {
 protected:
  // Waves that lasted so long, or whose median connect took so long.
  void add(const char* connector, std::initializer_list<std::optional<int64_t>> values, bool open_loop = false) {
    PlannedCase& planned = planned_.emplace_back();
    planned.what.connector = connector;
    planned.what.target = "accepting";
    planned.what.timeout = std::chrono::seconds(1);
    CaseResult& result = results_.emplace_back(CaseResult{&planned, {}, {}});
    for (const auto& value : values) {
      SummaryRow& row = result.rows.emplace_back();
      (open_loop ? row.connecting.p50 : row.makespan_ns) = value;
    }
  }

  std::list<PlannedCase> planned_;
  std::vector<CaseResult> results_;
};

TEST_F(Steadiness, OfWavesWithinAFactorOfTwoNeedsNoWords) {
  add("epoll", {10'000'000, 20'000'000, 15'000'000});
  add("poll", {std::nullopt, 5});
  add("select", {});
  EXPECT_EQ(unsteady_cases(results_, false), "");
}

TEST_F(Steadiness, IsJudgedByTheExtremesOfEachCaseAndNamesTheWorst) {
  add("epoll", {10'000'000, 20'000'001, 15'000'000});
  add("poll", {50'000'000, 10'000'000, 31'000'000});
  add("select", {90'000'000, 90'000'000});
  EXPECT_THAT(unsteady_cases(results_, false), AllOf(HasSubstr("2 of 3 cases"), HasSubstr("the most poll on accepting"),
                                                     HasSubstr("10.0 ms and 50.0 ms, 5.0 times")));
}

TEST_F(Steadiness, IgnoresWavesThatFailed) {
  add("epoll", {10'000'000, 90'000'000});
  results_.front().rows.back().failed = true;
  EXPECT_EQ(unsteady_cases(results_, false), "");
}

// There the load decides how long a wave takes.
TEST_F(Steadiness, OfAnOpenLoopIsThatOfItsMedianConnect) {
  add("epoll", {30'000, 90'000}, true);
  EXPECT_EQ(unsteady_cases(results_, false), "");
  EXPECT_THAT(unsteady_cases(results_, true), AllOf(HasSubstr("the median connect took"), HasSubstr("3.0 times")));
}

}  // namespace
}  // namespace connbench
