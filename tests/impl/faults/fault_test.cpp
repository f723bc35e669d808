// When a system call fails, the attempt gets an outcome, nothing leaks, and the other attempts continue.
#include <gmock/gmock.h>

#include <climits>

#include "tests/impl/census.h"
#include "tests/impl/conformance/conformance.h"
#include "tests/impl/driven.h"
#include "tests/impl/faults/fault_injection.h"

namespace connbench::conformance {
namespace {

using connbench::count_of;

constexpr size_t attempts = 60;
constexpr size_t concurrency = 12;

struct Failure {
  Function function;
  int error;
  Outcome outcome;
  Stage stage;
};

// Calls that belong to a single attempt.
constexpr Failure failures_of_an_attempt[] = {
    {Function::socket, EMFILE, Outcome::exhausted, Stage::socket},
    {Function::socket, ENFILE, Outcome::exhausted, Stage::socket},
    {Function::socket, ENOBUFS, Outcome::exhausted, Stage::socket},
    {Function::socket, ENOMEM, Outcome::exhausted, Stage::socket},
    {Function::socket, EACCES, Outcome::not_permitted, Stage::socket},
    {Function::connect, ENOBUFS, Outcome::exhausted, Stage::connect},
    {Function::connect, ENOMEM, Outcome::exhausted, Stage::connect},
    {Function::connect, EAGAIN, Outcome::exhausted, Stage::connect},
    {Function::connect, EADDRNOTAVAIL, Outcome::exhausted, Stage::connect},
    {Function::connect, ENETUNREACH, Outcome::unreachable, Stage::connect},
    {Function::connect, EPERM, Outcome::not_permitted, Stage::connect},
    {Function::connect, EINVAL, Outcome::unexpected, Stage::connect},
    {Function::setsockopt, ENOMEM, Outcome::exhausted, Stage::option},
    {Function::getsockopt, ENOBUFS, Outcome::exhausted, Stage::wait},
    {Function::epoll_ctl, ENOSPC, Outcome::exhausted, Stage::wait},
    {Function::epoll_ctl, ENOMEM, Outcome::exhausted, Stage::wait},
    {Function::pthread_create, EAGAIN, Outcome::exhausted, Stage::spawn},
    {Function::timer_create, EAGAIN, Outcome::exhausted, Stage::option},
    {Function::timer_settime, EINVAL, Outcome::unexpected, Stage::option},
};

// Calls in which a connector waits. When one fails, nothing more can be learnt about the pending attempts.
constexpr Failure failures_of_a_wait[] = {
    {Function::epoll_wait, EBADF, Outcome::unexpected, Stage::wait},
    {Function::epoll_wait, ENOMEM, Outcome::exhausted, Stage::wait},
    {Function::select, EBADF, Outcome::unexpected, Stage::wait},
    {Function::select, ENOMEM, Outcome::exhausted, Stage::wait},
    {Function::ppoll, ENOMEM, Outcome::exhausted, Stage::wait},
    {Function::ppoll, EFAULT, Outcome::unexpected, Stage::wait},
    {Function::io_uring_enter, EBADF, Outcome::unexpected, Stage::wait},
    {Function::io_uring_enter, ENOMEM, Outcome::exhausted, Stage::wait},
    {Function::timerfd_settime, ENOMEM, Outcome::exhausted, Stage::wait},
};

std::string described(const Failure& failure) {
  return std::string(name_of(failure.function)) + " fails with errno " + std::to_string(failure.error);
}

size_t count_of(const Failure& failure, const std::vector<Sample>& samples) {
  return static_cast<size_t>(std::ranges::count_if(samples, [&](const Sample& sample) {
    return sample.outcome == failure.outcome && sample.stage == failure.stage && sample.os_error == failure.error;
  }));
}

bool all_done(const std::vector<Sample>& samples) {
  return std::ranges::all_of(samples, [](const Sample& sample) { return sample.state == Sample::State::done; });
}

bool calls(const ConnectorEntry& entry, Function function, const Target& target) {
  DrivenWave wave(entry, 1, 1);
  const Fault none(function, EIO, UINT_MAX);
  wave.drive(target.endpoints(), patience, patience);
  return none.calls() > 0;
}

class Faults : public AtPlace {};
INSTANTIATE_TEST_SUITE_P(Connector, Faults, testing::ValuesIn(of_own_calls(accepted())), name_of_place);

TEST_P(Faults, AffectOnlyTheirOwnAttempts) {
  const auto target = open_target(concurrency);
  const Census before = first_census();
  for (const Failure& failure : failures_of_an_attempt) {
    SCOPED_TRACE(described(failure));
    DrivenWave wave(entry(), attempts, concurrency);
    const Fault fault(failure.function, failure.error, 7);
    const auto& samples = wave.drive(target->endpoints(), patience, patience);
    EXPECT_TRUE(all_done(samples));
    EXPECT_EQ(count_of(failure, samples), fault.injected());
    EXPECT_EQ(count_of(Outcome::connected, samples), attempts - fault.injected());
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(Faults, OfEveryAttemptStillEndTheWave) {
  const auto target = open_target(concurrency);
  const Census before = first_census();
  for (const Failure& failure : failures_of_an_attempt) {
    SCOPED_TRACE(described(failure));
    DrivenWave wave(entry(), attempts, concurrency);
    const Fault fault(failure.function, failure.error);
    const auto& samples = wave.drive(target->endpoints(), patience, patience);
    EXPECT_TRUE(all_done(samples));
    EXPECT_EQ(count_of(failure, samples), fault.injected() > 0 ? attempts : 0);
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(Faults, OfTheWaitEndAllPendingAttempts) {
  const auto answering = open_target();
  const auto silent = find_target("backlog-full").open({.family = Family::ipv4, .open_at_once = concurrency});
  const Census before = first_census();
  for (const Failure& failure : failures_of_a_wait) {
    if (!calls(entry(), failure.function, *answering)) continue;
    SCOPED_TRACE(described(failure));
    DrivenWave wave(entry(), attempts, concurrency);
    const Fault fault(failure.function, failure.error);
    const auto& samples = wave.drive(silent->endpoints(), far_away, patience);
    EXPECT_TRUE(all_done(samples));
    EXPECT_EQ(count_of(failure, samples), attempts);
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(Faults, OfOneWaitDoNotAffectLaterAttempts) {
  const auto target = open_target(concurrency);
  for (const Failure& failure : failures_of_a_wait) {
    SCOPED_TRACE(described(failure));
    DrivenWave wave(entry(), attempts, concurrency);
    const Fault fault(failure.function, failure.error, 1, 1);
    const auto& samples = wave.drive(target->endpoints(), patience, patience);
    EXPECT_LE(count_of(failure, samples), concurrency * fault.injected());
    EXPECT_EQ(count_of(Outcome::connected, samples), attempts - count_of(failure, samples));
  }
}

class FaultsOfPools : public AtPlace {};
std::vector<Place> pools() {
  return claiming(of_own_calls(accepted()), [](const Capabilities& claims) { return claims.pool_threads > 0; });
}
INSTANTIATE_TEST_SUITE_P(Connector, FaultsOfPools, testing::ValuesIn(pools()), name_of_place);

// A pool with fewer threads than requested would be a different pool under the same name.
TEST_P(FaultsOfPools, WhileTheyAreCreatedAreThrown) {
  const Census before = first_census();
  const Fault fault(Function::pthread_create, EAGAIN, 5, 1);
  try {
    const Connecting connecting(entry(), concurrency);
    ADD_FAILURE() << "the pool was created";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EAGAIN);
    EXPECT_THAT(error.what(), testing::StartsWith("pthread_create"));
  }
  EXPECT_EQ(census_becoming(before), before);
}

// A fault that no connector can meet would pass every test above.
TEST(FaultInjection, ReachesEveryFunction) {
  const auto target = find_target("accepting").open({.family = Family::ipv4});
  std::vector<Failure> failures(std::begin(failures_of_an_attempt), std::end(failures_of_an_attempt));
  failures.insert(failures.end(), std::begin(failures_of_a_wait), std::end(failures_of_a_wait));
  for (const Failure& failure : failures) {
    unsigned injected = 0;
    for (const ConnectorEntry* entry : all_connectors()) {
      if (refusal_of(*entry, 2)) continue;
      DrivenWave wave(*entry, 2, 2);
      const Fault fault(failure.function, failure.error);
      wave.drive(target->endpoints(), patience, patience);
      injected += fault.injected();
    }
    EXPECT_GT(injected, 0U) << described(failure);
  }
}

}  // namespace
}  // namespace connbench::conformance
