#include "harness/wave.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "harness/lab/capsule.h"

namespace connbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration sampling_interval = milliseconds(5);
constexpr Duration warm_up_limit = seconds(2);
constexpr Duration set_up_grace = seconds(10);      // fork, descriptor table, warm-up, attaching a counter
constexpr Duration end_grace = seconds(2);          // past the wave's limit: then it hangs, and is killed
constexpr Duration stop_grace = milliseconds(500);  // after a request to stop
constexpr size_t warm_up_attempts = 256;

// What the child tells the parent, in memory that both see.
struct Report {
  std::atomic<bool> stop{false};
  std::atomic<int64_t> started_ns{0};
  std::atomic<bool> finished{false};
  Usage usage;
  char error[512]{};
  size_t syscall_names = 0;
  struct {
    char name[32];
    uint64_t calls;
  } syscalls[128]{};
};

class SharedReport {
 public:
  SharedReport() {
    void* memory = ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) checked(-1, "mmap");
    report_ = new (memory) Report;
  }
  ~SharedReport() { ::munmap(report_, sizeof(Report)); }
  SharedReport(const SharedReport&) = delete;
  SharedReport& operator=(const SharedReport&) = delete;
  Report* operator->() const noexcept { return report_; }
  Report& operator*() const noexcept { return *report_; }

 private:
  Report* report_;
};

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

void report_syscalls(Report& report, const std::vector<SyscallCount>& counts) {
  report.syscall_names = std::min(counts.size(), std::size(report.syscalls));
  for (size_t i = 0; i < report.syscall_names; ++i) {
    counts[i].name.copy(report.syscalls[i].name, sizeof report.syscalls[i].name - 1);
    report.syscalls[i].calls = counts[i].calls;
  }
}

void measured_wave(const WaveSpec& spec, std::span<Sample> samples, Report& report) {
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
         .routes = spec.routes,
         .concurrency = what.concurrency,
         .timeout = what.timeout,
         .limit = spec.limit,
         .pacing = spec.pacing,
         .gap = spec.gap,
         .spin = spec.spin,
         .stop = &report.stop},
        samples);
  if (counter) report_syscalls(report, counter->stop());
  report.usage = read_usage(spec.server, false) - before;
}

[[noreturn]] void child_main(const WaveSpec& spec, SampleBuffer& samples, Report& report, pid_t parent) {
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

// Watches one child until it has ended, and ends it when it does not.
class ChildWatch {
 public:
  ChildWatch(pid_t pid, const WaveSpec& spec, Report& report, WaveParent& parent)
      : pid_(pid), report_(report), parent_(parent), limit_(spec.limit), kill_at_(now() + set_up_grace) {}
  ~ChildWatch() {
    if (collected_) return;
    ::kill(pid_, SIGKILL);
    collect();
  }
  ChildWatch(const ChildWatch&) = delete;
  ChildWatch& operator=(const ChildWatch&) = delete;

  // The reason why the child did not end as it should, or nothing.
  std::string wait_for_end(Footprint& peak) {
    pidfd_.reset(checked(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open"));
    while (!ended_within(sampling_interval)) {
      sample(peak);
      move_deadlines();
      if (now() < kill_at_) continue;
      ::kill(pid_, SIGKILL);
      killed_ = true;
      kill_at_ = TimePoint::max();
    }
    return reason(collect());
  }

 private:
  bool ended_within(Duration interval) const {
    pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    const timespec timeout = to_timespec(interval);
    return ::ppoll(&ended, 1, &timeout, nullptr) > 0;
  }

  void sample(Footprint& peak) const {
    if (report_.started_ns == 0 || report_.finished) return;
    const Footprint seen = read_footprint(pid_);
    peak.threads = std::max(peak.threads, seen.threads);
    peak.fds = std::max(peak.fds, seen.fds);
  }

  void move_deadlines() {
    if (!running_ && !stopping_ && report_.started_ns != 0) {
      running_ = true;
      kill_at_ = TimePoint(Duration(report_.started_ns)) + limit_ + end_grace;
    }
    if (!stopping_ && parent_.should_stop()) {
      stopping_ = true;
      report_.stop = true;
      kill_at_ = std::min(kill_at_, now() + stop_grace);
    }
  }

  int collect() {
    collected_ = true;
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  std::string reason(int status) const {
    if (report_.finished) return {};
    if (report_.error[0] != '\0') return report_.error;
    if (killed_ && stopping_) return "ended by request";
    if (killed_) return running_ ? "hangs: did not end within its wave limit; killed" : "hangs while starting; killed";
    if (WIFSIGNALED(status))
      return fmt::format("killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return fmt::format("ended with status {} before the wave was over", WEXITSTATUS(status));
  }

  pid_t pid_;
  UniqueFd pidfd_{-1};
  Report& report_;
  WaveParent& parent_;
  Duration limit_;
  TimePoint kill_at_;
  bool running_ = false;
  bool stopping_ = false;
  bool killed_ = false;
  bool collected_ = false;
};

// A child that died leaves samples open; none of them may get lost.
void close_samples(std::span<Sample> samples) {
  for (Sample& sample : samples) {
    if (sample.state == Sample::State::done) continue;
    sample.outcome = sample.state == Sample::State::submitted ? Outcome::cancelled : Outcome::never_started;
    sample.state = Sample::State::done;
  }
}

}  // namespace

WaveResult run_wave(const WaveSpec& spec, SampleBuffer& samples, WaveParent& parent) {
  SharedReport report;
  const pid_t self = ::getpid();
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0) child_main(spec, samples, *report, self);

  WaveResult result{.what = *spec.what};
  result.failure = ChildWatch(pid, spec, *report, parent).wait_for_end(result.peak);
  close_samples(samples.samples());
  result.started_ns = report->started_ns;
  result.usage = report->usage;
  for (size_t i = 0; i < report->syscall_names; ++i)
    result.syscalls.push_back({report->syscalls[i].name, report->syscalls[i].calls});
  return result;
}

}  // namespace connbench
