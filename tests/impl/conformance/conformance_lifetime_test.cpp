// What a connector owns while it works, and that it leaves nothing behind.
#include "tests/impl/census.h"
#include "tests/impl/conformance/conformance.h"

namespace connbench::conformance {
namespace {

class WhileNobodyAnswers : public AtPlace {};
INSTANTIATE_TEST_SUITE_P(Connector, WhileNobodyAnswers, testing::ValuesIn(with_sockets(unanswered({Family::ipv4}))),
                         name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WhileNobodyAnswers);

TEST_P(WhileNobodyAnswers, DestructionLeavesNothing) {
  const auto target = open_target();
  const Census before = first_census();
  {
    Connecting connecting(entry(), room);
    connecting.submit(attempts_on(target->endpoints(), room, far_away));
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(WhileNobodyAnswers, DestructionAfterCancellingLeavesNothing) {
  const auto target = open_target();
  const Census before = first_census();
  {
    Connecting connecting(entry(), room);
    connecting.submit(attempts_on(target->endpoints(), room, far_away));
    connecting.cancel_all();
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(WhileNobodyAnswers, SubmitReturnsWithoutAnOutcome) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  if (connecting.capabilities().completes_in_submit) GTEST_SKIP() << entry().name << " completes in submit()";
  EXPECT_EQ(connecting.submit(attempts_on(target->endpoints(), 5, far_away)), 5U);
  EXPECT_EQ(connecting.reap(now()), 0U);
  EXPECT_EQ(connecting.in_flight(), 5U);
}

TEST_P(WhileNobodyAnswers, ThreadsAreAsDeclared) {
  const auto target = open_target();
  const Census before = first_census();
  Connecting connecting(entry(), room);
  if (connecting.capabilities().completes_in_submit) GTEST_SKIP() << entry().name << " completes in submit()";
  ASSERT_EQ(connecting.submit(attempts_on(target->endpoints(), 5, far_away)), 5U);
  connecting.reap(now() + 5ms);
  const size_t threads = entries_of("/proc/self/task") - before.threads;
  switch (connecting.capabilities().threads) {
    case Capabilities::Threads::none:
      EXPECT_EQ(threads, 0U);
      break;
    case Capabilities::Threads::per_attempt:
      EXPECT_EQ(threads, 5U);
      break;
    case Capabilities::Threads::pool:
      EXPECT_EQ(threads, std::min(connecting.capabilities().pool_threads, room));
      break;
    case Capabilities::Threads::processes:
      EXPECT_EQ(threads, 0U);
      EXPECT_EQ(children_of_this_process() - before.children, 5U);
      break;
    case Capabilities::Threads::runtime:
      FAIL() << "only a program decides that by itself";
  }
}

class WithoutADeadline : public AtPlace {};
std::vector<Place> without_deadlines() {
  return claiming(with_sockets(unanswered({Family::ipv4})),
                  [](const Capabilities& claims) { return !claims.has_deadline(); });
}
INSTANTIATE_TEST_SUITE_P(Connector, WithoutADeadline, testing::ValuesIn(without_deadlines()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WithoutADeadline);

TEST_P(WithoutADeadline, TheTimeoutIsIgnored) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  ASSERT_EQ(connecting.submit(attempts_on(target->endpoints(), 3, 1ms)), 3U);
  EXPECT_EQ(connecting.reap(now() + 50ms), 0U);
}

TEST_P(WhileNobodyAnswers, ReapWithAPastTimeDoesNotWait) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  if (connecting.capabilities().completes_in_submit) GTEST_SKIP() << entry().name << " completes in submit()";
  connecting.submit(attempts_on(target->endpoints(), 3, far_away));
  const TimePoint before = now();
  for (const TimePoint past : {TimePoint::min(), TimePoint{}, before - 1s, before})
    EXPECT_EQ(connecting.reap(past), 0U);
}

TEST_P(WhileNobodyAnswers, ReapWaitsNoLongerThanAskedAndDoesNotSpin) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  if (connecting.capabilities().completes_in_submit) GTEST_SKIP() << entry().name << " completes in submit()";
  connecting.submit(attempts_on(target->endpoints(), 3, far_away));
  const TimePoint before = now();
  int calls = 0;
  while (now() < before + 20ms) {
    EXPECT_EQ(connecting.reap(before + 20ms), 0U);
    ++calls;
  }
  EXPECT_LE(calls, 100) << "reap() kept returning without a result";
}

class WhileAllAnswer : public AtPlace {};
INSTANTIATE_TEST_SUITE_P(Connector, WhileAllAnswer, testing::ValuesIn(accepted()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WhileAllAnswer);

TEST_P(WhileAllAnswer, NormalUseLeavesNothing) {
  const auto target = open_target();
  const Census before = first_census();
  {
    Connecting connecting(entry(), room);
    connecting.complete(attempts_on(target->endpoints(), 5 * room, far_away));
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(WhileAllAnswer, UnreapedCompletionsAreDropped) {
  const auto target = open_target();
  const Census before = first_census();
  {
    Connecting connecting(entry(), room);
    connecting.submit(attempts_on(target->endpoints(), room, far_away));
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(WhileAllAnswer, SubmitBeyondTheLimitAcceptsAPrefix) {
  const auto target = open_target();
  Connecting connecting(entry(), 4);
  const auto attempts = attempts_on(target->endpoints(), 23, far_away);
  connecting.complete(attempts);
  EXPECT_EQ(connecting.completions().size(), attempts.size());
  EXPECT_EQ(count_of(Outcome::connected, connecting.completions()), attempts.size());
}

TEST_P(WhileAllAnswer, ReapWithNothingInFlightReturnsAtOnce) {
  Connecting connecting(entry(), room);
  EXPECT_EQ(connecting.reap(now() + far_away), 0U);
}

class CompletingInSubmit : public AtPlace {};
std::vector<Place> completing_in_submit() {
  return claiming(accepted(), [](const Capabilities& claims) { return claims.completes_in_submit; });
}
INSTANTIATE_TEST_SUITE_P(Connector, CompletingInSubmit, testing::ValuesIn(completing_in_submit()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CompletingInSubmit);

TEST_P(CompletingInSubmit, AcceptsOneAttempt) {
  const auto target = open_target();
  Connecting connecting(entry(), room);
  EXPECT_EQ(connecting.submit(attempts_on(target->endpoints(), 3, far_away)), 1U);
  EXPECT_EQ(connecting.reap(TimePoint{}), 1U);
}

class Limited : public AtPlace {};
std::vector<Place> limited() {
  return claiming(accepted(), [](const Capabilities& claims) { return claims.max_in_flight > 0; });
}
INSTANTIATE_TEST_SUITE_P(Connector, Limited, testing::ValuesIn(limited()), name_of_place);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Limited);

TEST_P(Limited, ProbeRefusesBeyondTheDeclaredLimit) {
  const size_t limit = Connecting(entry(), 1).capabilities().max_in_flight;
  EXPECT_FALSE(refusal(limit)) << *refusal(limit);
  ASSERT_TRUE(refusal(limit + 1));
  EXPECT_NE(refusal(limit + 1)->find(std::to_string(limit)), std::string::npos) << *refusal(limit + 1);
}

}  // namespace
}  // namespace connbench::conformance
