// Processes that a program leaves behind, and what another process has used.
#include "harness/process/descendants.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "harness/machine/process_usage.h"
#include "harness/process/child_process.h"
#include "harness/process/shared.h"
#include "harness/support/unique_fd.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

[[noreturn]] void sleep_for_good() {
  while (true) ::pause();
}

TEST(Descendants, OfAChildThatHasEndedAreKilledToo) {
  const int status = in_child([] {
    adopt_orphans();
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0; i < 3; ++i)
        if (::fork() == 0) {
          ::setsid();  // as a daemon does
          if (::fork() != 0) ::_exit(0);
          sleep_for_good();
        }
      ::_exit(0);
    }
    wait_for_child(child);
    const auto killed = end_children({});
    if (killed.size() != 1) return 1;  // names, each once
    return ::waitpid(-1, nullptr, 0) == -1 && errno == ECHILD ? 0 : 2;
  });
  EXPECT_EQ(status, 0) << how_it_ended(status);
}

TEST(Descendants, ThatEndInTimeAreNotNamed) {
  const int status = in_child([] {
    adopt_orphans();
    if (::fork() == 0) ::_exit(0);
    return end_children(std::chrono::minutes(1)).empty() ? 0 : 1;
  });
  EXPECT_EQ(status, 0) << how_it_ended(status);
}

// A process that takes its next step when it is told to.
class Worker {
 public:
  static constexpr Duration system_time = std::chrono::milliseconds(50);  ///< that its third step takes

  Worker() : pid_(checked(::fork(), "fork")) {
    if (pid_ == 0) work();
    child_ = std::make_unique<ChildProcess>(pid_);
  }
  ProcessUsage usage() const { return read_process_usage({pid_, number_in_proc(pidfd_of(pid_).get())}, 0); }
  void step() {
    const int next = ++state_->wanted;
    while (state_->done < next) std::this_thread::yield();
  }

 private:
  struct State {
    std::atomic<int> wanted{0}, done{0};
  };
  [[noreturn]] void work() {
    for (int next = 1;; ++next) {
      do ::usleep(200);  // at least once, also where a step was wanted before this process ran at all
      while (state_->wanted < next);
      if (next == 1) burn();
      if (next == 2) std::thread(burn).join();
      if (next == 3) burn_in_the_kernel();
      state_->done = next;
    }
  }
  static void burn() {
    const TimePoint until = now() + std::chrono::milliseconds(20);
    while (now() < until) {
    }
  }

  static void burn_in_the_kernel() {
    const UniqueFd zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    std::array<char, 65536> into;
    const auto in_kernel = [] {
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      return std::chrono::seconds(usage.ru_stime.tv_sec) + std::chrono::microseconds(usage.ru_stime.tv_usec);
    };
    const auto until = in_kernel() + system_time;
    while (in_kernel() < until)
      if (::read(zeros.get(), into.data(), into.size()) < 0) ::_exit(1);
  }

  Shared<State> state_;
  pid_t pid_;
  std::unique_ptr<ChildProcess> child_;
};

TEST(ProcessUsage, IsThatOfTheOtherProcess) {
  Worker worker;
  const ProcessUsage before = worker.usage();
  worker.step();
  const Usage used = worker.usage() - before;
  EXPECT_GT(used.cpu_ns, 0);
  EXPECT_GT(used.rss_peak_kib, 0);
  EXPECT_GT(used.voluntary_switches, 0) << "it sleeps between its steps";
  EXPECT_GE(used.involuntary_switches, 0);
}

TEST(ProcessUsage, KnowsNoContextSwitchesWhenAThreadHasEnded) {
  Worker worker;
  worker.step();
  const ProcessUsage before = worker.usage();
  worker.step();
  const Usage used = worker.usage() - before;
  EXPECT_GT(used.cpu_ns, 0);
  EXPECT_EQ(used.voluntary_switches, -1);
  EXPECT_EQ(used.involuntary_switches, -1);
}

TEST(ProcessUsage, TellsTheTimeInTheKernelApart) {
  constexpr Duration granularity = std::chrono::milliseconds(10);  // of /proc/PID/stat
  Worker worker;
  worker.step();
  worker.step();
  const ProcessUsage before = worker.usage();
  worker.step();
  const Usage used = worker.usage() - before;
  EXPECT_GE(used.cpu_sys_ns, (Worker::system_time - granularity).count());
}

}  // namespace
}  // namespace connbench
