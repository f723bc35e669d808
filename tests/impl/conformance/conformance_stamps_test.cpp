// The clock is read for each attempt: what ends together has no common `finished`, which would hide the work for the
// others.
#include <set>

#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

// Threads may read the clock in the same nanosecond.
std::vector<Place> of_one_thread(std::vector<Place> all) {
  return claiming(with_sockets(std::move(all)), [](const Capabilities& claims) {
    return claims.threads == Capabilities::Threads::none && claims.floor < 1s;
  });
}

std::vector<Place> of_one_thread_with_deadline() {
  return claiming(of_one_thread(unanswered({Family::ipv4})),
                  [](const Capabilities& claims) { return claims.has_deadline(); });
}

class Stamps : public AtPlace {
 protected:
  static constexpr size_t many = 64;

  void expect_a_stamp_each(Duration timeout) {
    if (const auto reason = refusal(many)) GTEST_SKIP() << *reason;
    const auto target = open_target(many);
    Connecting connecting(entry(), many);
    connecting.complete(attempts_on(target->endpoints(), many, timeout));
    std::set<TimePoint> stamps;
    for (const Completion& completion : connecting.completions()) stamps.insert(completion.finished);
    EXPECT_EQ(stamps.size(), many) << "attempts share a reading of the clock";
  }
};

class StampsOfSuccess : public Stamps {};
INSTANTIATE_TEST_SUITE_P(Connector, StampsOfSuccess, testing::ValuesIn(of_one_thread(accepted())), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StampsOfSuccess);

TEST_P(StampsOfSuccess, AreReadForEachAttempt) {
  expect_a_stamp_each(far_away);
}

class StampsOfDeadlines : public Stamps {};
INSTANTIATE_TEST_SUITE_P(Connector, StampsOfDeadlines, testing::ValuesIn(of_one_thread_with_deadline()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StampsOfDeadlines);

TEST_P(StampsOfDeadlines, AreReadForEachAttempt) {
  expect_a_stamp_each(30ms);
}

}  // namespace
}  // namespace connbench::conformance
