#include "harness/scenarios/mix.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <stdexcept>

#include "harness/scenarios/scenario.h"

namespace connbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal(std::string_view text) {
  try {
    parse_mix(text);
    return "taken";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(Mixes, HaveOneNameForAllSpellings) {
  for (const char* text : {"accepting=90,blackhole=10", "blackhole=10,accepting=90", "blackhole=10.00,accepting=90.0",
                           "blackhole=10,accepting=90,refusing=0"})
    EXPECT_EQ(parse_mix(text).name(), "accepting=90,blackhole=10") << text;
  EXPECT_EQ(parse_mix("accepting=100").name(), "accepting=100");
  EXPECT_EQ(parse_mix("blackhole=0.25,delayed:20ms=99.75").name(), "delayed:20ms=99.75,blackhole=0.25")
      << "targets that can connect come first";
}

TEST(Mixes, ThatDoNotAddUpAreRefusedWithTheirSum) {
  EXPECT_THAT(refusal("accepting=90,blackhole=20"), HasSubstr("add up to 110 %"));
  EXPECT_THAT(refusal("accepting=33.3,blackhole=66.6"), HasSubstr("add up to 99.9 %"));
}

TEST(Mixes, ThatCannotBeParsedAreRefusedWithAnExample) {
  for (const char* text : {"", "accepting", "accepting=", "accepting=ten", "=100", "accepting=-5,blackhole=105",
                           "accepting=100,", "accepting=99.999,blackhole=0.001", "accepting=nan"})
    EXPECT_THAT(refusal(text), HasSubstr("should look like accepting=90")) << text;
  EXPECT_THAT(refusal("acepting=100"), HasSubstr("'accepting'"));
  EXPECT_THAT(refusal("accepting=50,accepting=50"), HasSubstr("accepting is given twice"));
}

TEST(Mixes, GiveEveryTargetItsExactShare) {
  EXPECT_THAT(shares(parse_mix("accepting=90,blackhole=10"), 2000), ElementsAre(1800U, 200U));
  EXPECT_THAT(shares(parse_mix("accepting=90,blackhole=10"), 15), ElementsAre(14U, 1U)) << "the largest remainder";
  EXPECT_THAT(shares(parse_mix("accepting=33.33,refusing=33.33,blackhole=33.34"), 100), ElementsAre(33U, 34U, 33U))
      << "accepting, blackhole, refusing";
}

TEST(Mixes, AreShuffledByTheSeedAlone) {
  const Mix mix = parse_mix("accepting=90,blackhole=10");
  const Assignment one = assign(mix, 1000, 7);
  EXPECT_EQ(one.targets, (std::vector<std::string>{"accepting", "blackhole"}));
  EXPECT_EQ(std::ranges::count(one.of, 1), 100);
  EXPECT_EQ(one.of, assign(mix, 1000, 7).of);
  EXPECT_NE(one.of, assign(mix, 1000, 8).of);
  const auto half = one.of.begin() + 500;
  EXPECT_GT(std::count(one.of.begin(), half, 1), 20) << "the dead hosts all come late";
  EXPECT_LT(std::count(one.of.begin(), half, 1), 80) << "the dead hosts all come early";
}

TEST(Fleets, AreAScenarioWithAnyArrival) {
  const Mix mix = parse_mix("blackhole=10,delayed:20ms=90");
  EXPECT_EQ(fleet_load(mix, "closed"), "fleet:delayed:20ms=90,blackhole=10");
  for (const char* arrival : {"closed", "poisson:5000/s", "uniform:1/s"}) {
    const std::string load = fleet_load(mix, arrival);
    const ChosenScenario chosen = find_scenario(load);
    EXPECT_EQ(chosen.entry->name, "fleet");
    EXPECT_EQ(chosen.label, load);
    const auto pacing = chosen.entry->pacing(load, 3);
    const auto same = find_scenario(arrival).entry->pacing(arrival, 3);
    EXPECT_EQ(pacing->open_loop(), same->open_loop());
    for (int i = 0; i < 5; ++i) EXPECT_EQ(pacing->next_due(), same->next_due());
  }
}

TEST(Fleets, AreRefusedWithAnUnknownArrival) {
  EXPECT_THROW(find_scenario("fleet:accepting=100:sometimes"), std::invalid_argument);
  EXPECT_THROW(find_scenario("fleet:accepting=100:poisson:0/s"), std::invalid_argument);
}

}  // namespace
}  // namespace connbench
