#include "harness/wave/wave_child.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <thread>

#include "harness/lab/capsule.h"
#include "harness/wave/shard.h"

namespace connbench {
namespace {

void run_on(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &set);
  checked(::sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

void report_syscalls(WaveReport& report, const std::vector<SyscallCount>& counts) {
  report.syscall_names = std::min(counts.size(), std::size(report.syscalls));
  for (size_t i = 0; i < report.syscall_names; ++i) {
    counts[i].name.copy(report.syscalls[i].name, sizeof report.syscalls[i].name - 1);
    report.syscalls[i].calls = counts[i].calls;
  }
}

// Ends the process, whatever its other threads do: of several reasons the first is told.
[[noreturn]] void fail(WaveReport& report, std::string_view why) {
  static std::atomic_flag told;
  while (told.test_and_set()) ::pause();
  why.copy(report.error, sizeof report.error - 1);
  ::_exit(1);
}

// What is thrown in any thread is the wave's failure.
template <class Work>
void or_fail(WaveReport& report, Work work) noexcept {
  try {
    work();
  } catch (const std::exception& error) {
    fail(report, error.what());
  } catch (...) {
    fail(report, "the connector threw something that is no std::exception");
  }
}

// The readings around a wave.
class Meter {
 public:
  Meter(const WaveSpec& spec, WaveReport& report, SyscallCounter* counter)
      : spec_(spec), report_(report), counter_(counter) {}
  // Returns when the wave begins: now.
  TimePoint start() {
    before_ = read_usage(spec_.server, true);
    if (counter_ != nullptr) counter_->start();
    const TimePoint begin = now();
    report_.started_ns = to_ns(begin);
    return begin;
  }
  void stop() {
    if (counter_ != nullptr) report_syscalls(report_, counter_->stop());
    report_.usage = read_usage(spec_.server, false) - before_;
  }

 private:
  const WaveSpec& spec_;
  WaveReport& report_;
  SyscallCounter* counter_;
  Usage before_{};
};

void undivided_wave(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report) {
  Shard shard(spec, samples, 0);
  // Before the connector, whose threads would not be counted otherwise.
  const auto counter = make_syscall_counter(spec.syscall_method);
  shard.make_connector();
  Meter meter(spec, report, counter.get());
  shard.drive(meter.start(), report.stop);
  meter.stop();
}

// This thread keeps the readings, and its descriptor table holds nothing but the counter's.
void divided_wave(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report) {
  const size_t shards = spec.what->shards;
  const auto counter = make_syscall_counter(spec.syscall_method);
  Meter meter(spec, report, counter.get());
  std::barrier<> step(static_cast<std::ptrdiff_t>(shards) + 1);
  TimePoint begin{};
  const auto run_shard = [&](size_t index) {
    Shard shard(spec, samples, index);
    shard.make_connector();
    report.tables[index] = ::gettid();
    step.arrive_and_wait();  // all are ready
    step.arrive_and_wait();  // the readings have begun
    shard.drive(begin, report.stop);
    step.arrive_and_wait();  // all have ended
    step.arrive_and_wait();  // the readings too
  };
  std::vector<std::jthread> threads;
  or_fail(report, [&] {  // threads that wait for this one cannot be joined
    for (size_t index = 0; index < shards; ++index)
      threads.emplace_back([&, index] { or_fail(report, [&] { run_shard(index); }); });
    step.arrive_and_wait();
    begin = meter.start();
    step.arrive_and_wait();
    step.arrive_and_wait();
    meter.stop();
    step.arrive_and_wait();
  });
}

}  // namespace

void run_wave_child(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report, pid_t parent) {
  or_fail(report, [&] {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    ::close_range(3, ~0U, 0);
    run_on(spec.cpus);
    if (spec.drop_capabilities) lab::drop_capabilities();
    samples.populate();
    (spec.what->shards > 1 ? divided_wave : undivided_wave)(spec, samples, report);
    report.finished = true;
  });
  ::_exit(0);
}

}  // namespace connbench
