// cancel_all() at the moments when it can go wrong.
#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

class Cancelling : public AtPlace {
 protected:
  void expect_given_up(const Connecting& connecting) const {
    const bool unix_domain = GetParam().family == Family::unix_domain;
    for (const Completion& completion : connecting.completions()) {
      const Outcome outcome = completion.result.outcome;
      EXPECT_TRUE(outcome == Outcome::cancelled || outcome == Outcome::never_started ||
                  (unix_domain && outcome == Outcome::refused) || may_be_misled(completion.result, GetParam()))
          << to_string(outcome);
    }
  }
};
std::vector<Place> cancellable() {
  return claiming(with_sockets(unanswered({Family::ipv4, Family::unix_domain})),
                  [](const Capabilities& claims) { return claims.cancellable; });
}
INSTANTIATE_TEST_SUITE_P(Connector, Cancelling, testing::ValuesIn(cancellable()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Cancelling);

TEST_P(Cancelling, EndsUnansweredAttempts) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  ASSERT_EQ(connecting.submit(attempts_on(target->endpoints(), room, far_away)), room);
  connecting.reap(now() + 20ms);
  connecting.cancel_all();
  connecting.drain();
  EXPECT_EQ(connecting.completions().size(), room);
  expect_given_up(connecting);
}

// A thread may not have reached its connect() yet when it is cancelled.
TEST_P(Cancelling, RightAfterSubmitEndsEverything) {
  const auto target = open_target();
  for (int round = 0; round < 50; ++round) {
    Connecting connecting(entry(), 4);
    ASSERT_EQ(connecting.submit(attempts_on(target->endpoints(), 4, far_away)), 4U);
    connecting.cancel_all();
    connecting.drain();
    ASSERT_EQ(connecting.completions().size(), 4U);
    expect_given_up(connecting);
  }
}

TEST_P(Cancelling, TwiceIsHarmless) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  connecting.submit(attempts_on(target->endpoints(), room, far_away));
  connecting.cancel_all();
  connecting.reap(now());
  connecting.cancel_all();
  connecting.drain();
  connecting.cancel_all();
  EXPECT_EQ(connecting.reap(now() + far_away), 0U);
  EXPECT_EQ(connecting.completions().size(), room);
}

class CancellingDuringSuccess : public AtPlace {};
INSTANTIATE_TEST_SUITE_P(Connector, CancellingDuringSuccess, testing::ValuesIn(accepted()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CancellingDuringSuccess);

TEST_P(CancellingDuringSuccess, NeitherLosesNorInventsAttempts) {
  constexpr size_t many = 200;
  const auto target = open_target(many);
  for (int round = 0; round < 10; ++round) {
    Connecting connecting(entry(), many);
    const size_t taken = connecting.submit(attempts_on(target->endpoints(), many, far_away));
    connecting.cancel_all();
    connecting.drain();
    ASSERT_EQ(connecting.completions().size(), taken);
    for (const Completion& completion : connecting.completions()) {
      const Outcome outcome = completion.result.outcome;
      EXPECT_TRUE(outcome == Outcome::connected || outcome == Outcome::cancelled || outcome == Outcome::never_started)
          << to_string(outcome);
    }
  }
}

}  // namespace
}  // namespace connbench::conformance
