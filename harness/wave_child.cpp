#include "harness/wave_child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "harness/lab/capsule.h"

namespace connbench {
namespace {

using std::chrono::seconds;

constexpr Duration warm_up_limit = seconds(2);
constexpr size_t warm_up_attempts = 256;

// Growing the descriptor table beside a second thread waits for a grace period of the kernel, 5–15 ms a doubling: so it
// grows before there is one.
void grow_descriptor_table(size_t descriptors) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const size_t highest = std::min<size_t>(descriptors, limit.rlim_cur) - 1;
  const int fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, static_cast<int>(highest));
  if (fd >= 0) ::close(fd);
}

void run_on(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &set);
  checked(::sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

// Code pages, allocator, thread-stack cache: a first wave is slower than the next by 5–15 ms, and measures that.
void warm_up(const WaveSpec& spec) {
  const Case& what = *spec.what;
  if (spec.warm_up.empty()) return;
  std::vector<Sample> discarded(std::min(what.attempts, warm_up_attempts));
  Retirement retirement({.close = CloseMode::rst}, 0);
  const auto connector = spec.connector->entry->make({spec.connector->options, what.concurrency, retirement});
  const auto pacing = closed_loop();
  drive(*connector,
        {.endpoints = spec.warm_up,
         .concurrency = what.concurrency,
         .timeout = warm_up_limit,
         .limit = warm_up_limit,
         .pacing = pacing.get()},
        discarded);
}

void report_syscalls(WaveReport& report, const std::vector<SyscallCount>& counts) {
  report.syscall_names = std::min(counts.size(), std::size(report.syscalls));
  for (size_t i = 0; i < report.syscall_names; ++i) {
    counts[i].name.copy(report.syscalls[i].name, sizeof report.syscalls[i].name - 1);
    report.syscalls[i].calls = counts[i].calls;
  }
}

void measured_wave(const WaveSpec& spec, std::span<Sample> samples, WaveReport& report) {
  const Case& what = *spec.what;
  Retirement retirement(spec.connector->policy(spec.policy), samples.size());
  // Before the connector, whose threads would not be counted otherwise.
  const auto counter = make_syscall_counter(spec.syscall_method);
  const auto connector = spec.connector->entry->make({spec.connector->options, what.concurrency, retirement});
  const Usage before = read_usage(spec.server, true);
  if (counter) counter->start();
  report.started_ns = to_ns(now());
  drive(*connector,
        {.endpoints = spec.endpoints,
         .endpoints_per_attempt = spec.endpoints_per_attempt,
         .concurrency = what.concurrency,
         .timeout = what.timeout,
         .limit = spec.limit,
         .pacing = spec.pacing,
         .gap = spec.gap,
         .stop = &report.stop},
        samples);
  if (counter) report_syscalls(report, counter->stop());
  report.usage = read_usage(spec.server, false) - before;
}

}  // namespace

void run_wave_child(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report, pid_t parent) {
  int status = 0;
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    ::close_range(3, ~0U, 0);
    run_on(spec.cpus);
    if (spec.drop_capabilities) lab::drop_capabilities();
    const size_t held = spec.connector->policy(spec.policy).close == CloseMode::hold ? spec.what->attempts : 0;
    grow_descriptor_table(spec.what->concurrency + held + 64);
    samples.populate();
    warm_up(spec);
    measured_wave(spec, samples.samples(), report);
    report.finished = true;
  } catch (const std::exception& error) {
    std::strncpy(report.error, error.what(), sizeof report.error - 1);
    status = 1;
  } catch (...) {
    std::strncpy(report.error, "the connector threw something that is no std::exception", sizeof report.error - 1);
    status = 1;
  }
  ::_exit(status);
}

}  // namespace connbench
