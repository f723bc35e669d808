// The forms of --arrival: their labels, how many attempts they have due, and what is refused.
#include "harness/scenarios/scenario.h"

#include <gmock/gmock.h>

#include <cmath>
#include <stdexcept>

namespace connbench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Arrivals, HaveOneSpellingAndALabelThatContainsIt) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"closed", "closed", "burst"},
      {"poisson:500.0/s", "poisson:500/s", "steady:poisson:500/s"},
      {"ramp:1000.0/s..20000/s:0.5min", "ramp:1000/s..20000/s:30s", "ramp:1000/s..20000/s:30s"},
      {"burst:500@1000ms", "burst:500@1s", "burst:500@1s"}};
  for (const auto& [given, spelling, label] : cases) {
    EXPECT_EQ(canonical_arrival(given), spelling);
    EXPECT_EQ(canonical_arrival(spelling), spelling);
    EXPECT_EQ(find_scenario(given).label, label);
  }
}

TEST(Arrivals, SayHowManyAttemptsTheyHaveDue) {
  EXPECT_EQ(attempts_within("closed", 1s), std::nullopt);
  EXPECT_EQ(attempts_within("uniform:500/s", 2s), 1000);
  EXPECT_EQ(attempts_within("ramp:100/s..300/s:10s", 10s), 2000);
  EXPECT_EQ(attempts_within("ramp:100/s..300/s:10s", 5s), 750);
  EXPECT_EQ(attempts_within("ramp:100/s..300/s:10s", 11s), 2300);
  EXPECT_EQ(attempts_within("burst:7@1s", 2s), 14) << "at 0 s and at 1 s";
  EXPECT_EQ(attempts_within("burst:7@1s", 2500ms), 21);
  EXPECT_EQ(attempts_within("fleet:accepting=100:uniform:500/s", 2s), 1000);
  EXPECT_EQ(usual_attempts("ramp:100/s..300/s:10s"), 2000);
  for (const char* open : {"closed", "poisson:5/s", "burst:7@1s"}) EXPECT_EQ(usual_attempts(open), std::nullopt);
}

// What the schedule has due within a time is what it says.
TEST(Arrivals, KeepToThatNumber) {
  for (const char* arrival : {"uniform:500/s", "ramp:100/s..300/s:10s", "ramp:300/s..100/s:10s", "burst:7@1s"}) {
    const auto pacing = find_scenario(arrival).entry->pacing(arrival, 1);
    size_t due = 0;
    while (pacing->next_due() < 5s) ++due;
    EXPECT_EQ(static_cast<double>(due), attempts_within(arrival, 5s)) << arrival;
  }
}

TEST(Arrivals, HaveARateUnlessTheLoopIsClosed) {
  EXPECT_EQ(offered_rate("closed"), std::nullopt);
  EXPECT_EQ(offered_rate("poisson:500/s"), 500);
  EXPECT_EQ(offered_rate("ramp:300/s..100/s:10s"), 300) << "the highest one";
  EXPECT_TRUE(std::isinf(*offered_rate("burst:7@1s")));
  EXPECT_EQ(offered_rate("fleet:accepting=90,blackhole=10:ramp:1/s..9/s:1s"), 9);
}

TEST(Arrivals, AreRefusedWithAnExample) {
  const std::pair<const char*, const char*> cases[] = {{"ramp:1000/s", "should look like ramp:"},
                                                       {"ramp:1000/s..2000/s", "should look like ramp:"},
                                                       {"ramp:1000..2000/s:3s", "a rate"},
                                                       {"ramp:0/s..2000/s:3s", "a rate"},
                                                       {"ramp:1/s..2/s:0s", "a time"},
                                                       {"burst:500", "should look like burst:"},
                                                       {"burst:0@1s", "a whole number"},
                                                       {"burst:5@", "a time"},
                                                       {"sometimes", "the known forms are: closed"},
                                                       {"fleet:accepting=100:burst:5", "should look like burst:"}};
  for (const auto& [arrival, why] : cases)
    EXPECT_THAT(([given = arrival] { find_scenario(given); }),
                testing::ThrowsMessage<std::invalid_argument>(HasSubstr(why)))
        << arrival;
}

}  // namespace
}  // namespace connbench
