// Deadlines of connectors where nobody answers: never early, in order, and never missed.
#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

class Deadlines : public AtPlace {};
std::vector<Place> with_deadlines() {
  return claiming(with_sockets(that_wait(unanswered({Family::ipv4, Family::unix_domain}))),
                  [](const Capabilities& claims) { return claims.has_deadline(); });
}
INSTANTIATE_TEST_SUITE_P(Connector, Deadlines, testing::ValuesIn(with_deadlines()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Deadlines);

std::vector<Attempt> with_timeouts(const Target& target, std::initializer_list<Duration> timeouts) {
  auto attempts = attempts_on(target.endpoints(), timeouts.size(), {});
  std::ranges::transform(attempts, timeouts, attempts.begin(), [](Attempt attempt, Duration timeout) {
    attempt.timeout = timeout;
    return attempt;
  });
  return attempts;
}

const Attempt& attempt_of(const Completion& completion, const std::vector<Attempt>& attempts) {
  return *std::ranges::find(attempts, completion.id, &Attempt::id);
}

TEST_P(Deadlines, AreNoEarlierThanDeclared) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  const auto attempts =
      with_timeouts(*target, {1ms, 40ms, 1500us, 13ms, 40ms, 1ms, 7ms, 4001us, 25ms, 1ms, 33ms, 10ms});
  connecting.complete(attempts);

  const Capabilities capabilities = connecting.capabilities();
  EXPECT_GT(capabilities.granularity, Duration::zero()) << "the granularity must be declared";
  EXPECT_EQ(count_of(Outcome::deadline_exceeded, connecting.completions()), attempts.size());
  for (const Completion& completion : connecting.completions())
    EXPECT_GE(completion.finished - completion.started + connecting.may_be_early(completion),
              attempt_of(completion, attempts).timeout);
}

TEST_P(Deadlines, EndOneAttemptAmongLongerOnes) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  if (connecting.capabilities().completes_in_submit) GTEST_SKIP() << entry().name << " has only one attempt in flight";
  const auto attempts = with_timeouts(*target, {far_away, 50ms, 2 * far_away});
  ASSERT_EQ(connecting.submit(attempts), 3U);
  const TimePoint end = now() + patience;
  while (connecting.completions().empty() && now() < end) connecting.reap(end);

  ASSERT_EQ(connecting.completions().size(), 1U);
  const Completion first = connecting.completions().front();
  EXPECT_EQ(first.id, attempts[1].id);
  EXPECT_EQ(first.result.outcome, Outcome::deadline_exceeded);
}

// A busy machine may wake a thread so late that a longer deadline passes first. It does not do so every time.
TEST_P(Deadlines, OfDifferentLengthPassInOrder) {
  const Capabilities capabilities = Connecting(entry(), room).capabilities();
  if (capabilities.completes_in_submit) GTEST_SKIP() << entry().name << " has only one attempt in flight";
  const Duration low = std::max<Duration>(10ms, capabilities.floor);
  const Duration middle = low + std::max<Duration>(175ms, 2 * capabilities.granularity);
  const Duration high = middle + (middle - low);
  if (high > 5s) GTEST_SKIP() << entry().name << " has deadlines too coarse to wait for";
  const auto target = open_target();
  const std::vector<Duration> wanted{low, low, middle, high, high};
  std::vector<Duration> order;
  for (int tries = 0; tries < 10 && order != wanted; ++tries) {
    Connecting connecting(entry(), room);
    const auto attempts = with_timeouts(*target, {high, low, middle, high, low});
    connecting.complete(attempts);
    order.clear();
    for (const Completion& completion : connecting.completions())
      order.push_back(attempt_of(completion, attempts).timeout);
  }
  EXPECT_EQ(order, wanted);
}

}  // namespace
}  // namespace connbench::conformance
