// The clock is read for each attempt: what ends together has no common `finished`, which would hide the work for the
// others.
#include <set>

#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

class Stamps : public AtPlaceWithSockets {
 protected:
  static constexpr size_t many = 64;

  void SetUp() override {
    AtPlaceWithSockets::SetUp();
    if (IsSkipped()) return;
    const Capabilities capabilities = Connecting(entry(), 1).capabilities();
    if (capabilities.threads != Capabilities::Threads::none)
      GTEST_SKIP() << "threads may read the clock in the same nanosecond";
    if (capabilities.floor >= 1s) GTEST_SKIP() << entry().name << " would wait too long";
    if (const auto reason = refusal(many)) GTEST_SKIP() << *reason;
  }

  void expect_a_stamp_each(Duration timeout) {
    const auto target = open_target(many);
    Connecting connecting(entry(), many);
    connecting.complete(attempts_on(target->endpoints(), many, timeout));
    std::set<TimePoint> stamps;
    for (const Completion& completion : connecting.completions()) stamps.insert(completion.finished);
    EXPECT_EQ(stamps.size(), many) << "attempts share a reading of the clock";
  }
};

class StampsOfSuccess : public Stamps {};
INSTANTIATE_TEST_SUITE_P(Connector, StampsOfSuccess, testing::ValuesIn(accepted()), name_of_place);

TEST_P(StampsOfSuccess, AreReadForEachAttempt) {
  expect_a_stamp_each(far_away);
}

class StampsOfDeadlines : public Stamps {
 protected:
  void SetUp() override {
    Stamps::SetUp();
    if (IsSkipped()) return;
    if (!Connecting(entry(), 1).capabilities().has_deadline()) GTEST_SKIP() << entry().name << " has no deadline";
  }
};
INSTANTIATE_TEST_SUITE_P(Connector, StampsOfDeadlines, testing::ValuesIn(unanswered({Family::ipv4})), name_of_place);

TEST_P(StampsOfDeadlines, AreReadForEachAttempt) {
  expect_a_stamp_each(30ms);
}

}  // namespace
}  // namespace connbench::conformance
