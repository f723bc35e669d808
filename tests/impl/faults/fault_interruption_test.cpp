// EINTR, injected or from real signals, ends no attempt and moves no deadline.
#include <signal.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "tests/impl/census.h"
#include "tests/impl/conformance/conformance.h"
#include "tests/impl/driven.h"
#include "tests/impl/faults/fault_injection.h"
#include "tests/support/sanitizer.h"

namespace connbench::conformance {
namespace {

using connbench::count_of;

constexpr size_t attempts = 60;
constexpr size_t concurrency = 12;

/// Keeps sending SIGUSR1, whose handler has no SA_RESTART, to every other thread of the process.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    checked(::sigaction(SIGUSR1, &action, &old_), "sigaction");
    thread_ = std::thread([this] { run(); });
  }
  ~SignalStorm() {
    over_ = true;
    thread_.join();
    ::signal(SIGUSR1, SIG_IGN);  // drops pending signals, which would kill the process otherwise
    ::sigaction(SIGUSR1, &old_, nullptr);
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;

 private:
  void run() const {
    while (!over_) {
      std::error_code gone;
      for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
        const int thread = std::stoi(task.path().filename());
        if (thread != ::gettid()) ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR1);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  struct sigaction old_ {};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// The storm opens and closes descriptors in a thread of its own. ThreadSanitizer tracks descriptor numbers and reports
// a race when an uninstrumented library opens a number that the storm has closed.
class InAStorm : public AtPlace {
 protected:
  void SetUp() override {
    AtPlace::SetUp();
    if (!IsSkipped() && thread_sanitizer && entry().library != nullptr)
      GTEST_SKIP() << "ThreadSanitizer cannot instrument " << entry().library().name;
  }
};

class Interruptions : public InAStorm {};
INSTANTIATE_TEST_SUITE_P(Connector, Interruptions, testing::ValuesIn(with_sockets(accepted())), name_of_place);

class InterruptedCalls : public AtPlace {};
INSTANTIATE_TEST_SUITE_P(Connector, InterruptedCalls, testing::ValuesIn(of_own_calls(accepted())), name_of_place);

TEST_P(InterruptedCalls, EndNoAttempt) {
  const auto target = open_target(concurrency);
  const Census before = first_census();
  for (const unsigned every : {1U, 2U}) {
    DrivenWave wave(entry(), attempts, concurrency);
    const Fault connecting(Function::connect, EINTR, every);
    const Fault epolling(Function::epoll_wait, EINTR, 2);
    const Fault selecting(Function::select, EINTR, 2);
    const Fault waiting(Function::io_uring_enter, EINTR, 2);
    const Fault polling(Function::ppoll, EINTR, 2);
    const auto& samples = wave.drive(target->endpoints(), patience, patience);
    // In a ring, connect() is a request and never returns EINTR.
    if (connecting.calls() > 0) {
      EXPECT_GE(connecting.injected(), attempts / every);
    } else {
      EXPECT_GT(waiting.injected(), 0U);
    }
    EXPECT_EQ(count_of(Outcome::connected, samples), attempts);
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST_P(Interruptions, ByAnErrorWithoutSoErrorEndNoAttempt) {
  const auto target = open_target(concurrency);
  DrivenWave wave(entry(), attempts, concurrency);
  const Fault fault(Function::epoll_event, EIO, 3);
  const auto& samples = wave.drive(target->endpoints(), patience, patience);
  EXPECT_EQ(count_of(Outcome::connected, samples), attempts);
}

TEST_P(Interruptions, BySignalsEndNoAttempt) {
  const auto target = open_target(concurrency);
  const Census before = first_census();
  // A fork takes 20 ms on a busy machine, and more with sanitizers.
  const bool forks = entry().name == "fork-per-attempt";
  const size_t all = (!forks ? 20 : sanitized ? 1 : 4) * attempts;
  {
    DrivenWave wave(entry(), all, concurrency);
    const SignalStorm storm;
    EXPECT_EQ(count_of(Outcome::connected, wave.drive(target->endpoints(), patience, patience)), all);
  }
  EXPECT_EQ(census_becoming(before), before);
}

class InterruptedInSilence : public InAStorm {};
std::vector<Place> silent() {
  return outside_the_lab(with_sockets(that_wait(unanswered({Family::ipv4, Family::unix_domain}))));
}
INSTANTIATE_TEST_SUITE_P(Connector, InterruptedInSilence, testing::ValuesIn(silent()), name_of_place);

class InterruptedDeadlines : public InAStorm {};
std::vector<Place> with_deadlines() {
  return claiming(silent(), [](const Capabilities& claims) { return claims.has_deadline(); });
}
INSTANTIATE_TEST_SUITE_P(Connector, InterruptedDeadlines, testing::ValuesIn(with_deadlines()), name_of_place);

TEST_P(InterruptedInSilence, AnErrorWithoutSoErrorIsNotAConnection) {
  if (entry().name == "state-threads") GTEST_SKIP() << "its st_connect() takes any event for a connection";
  const auto target = open_target(concurrency);
  DrivenWave wave(entry(), concurrency, concurrency);
  const Fault fault(Function::no_event, EIO, 1, 1);
  const auto& samples = wave.drive(target->endpoints(), 20ms, 100ms);
  EXPECT_EQ(count_of(Outcome::connected, samples), 0U);
}

TEST_P(InterruptedDeadlines, AreKept) {
  const auto target = open_target(concurrency);
  DrivenWave wave(entry(), 3 * concurrency, concurrency);
  const SignalStorm storm;
  const auto& samples = wave.drive(target->endpoints(), 30ms, patience);
  EXPECT_EQ(count_of(Outcome::deadline_exceeded, samples), samples.size());
  // Who counts in ticks may be early by one tick, or by more when a tick is late. A signal mistaken for the deadline
  // would end an attempt after 1 ms.
  const Duration least = counts_ticks(wave.connector().capabilities()) ? 10ms : 30ms;
  for (const Sample& sample : samples)
    EXPECT_GE(sample.finished_ns - sample.started_ns, std::chrono::nanoseconds(least).count());
}

TEST_P(InterruptedInSilence, CancellingEndsEverything) {
  const auto target = open_target(concurrency);
  DrivenWave wave(entry(), 2 * concurrency, concurrency);
  const SignalStorm storm;
  const auto& samples = wave.drive(target->endpoints(), far_away, 20ms);
  EXPECT_EQ(count_of(Outcome::cancelled, samples) + count_of(Outcome::never_started, samples), samples.size());
}

}  // namespace
}  // namespace connbench::conformance
