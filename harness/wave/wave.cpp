#include "harness/wave/wave.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/process/child_process.h"
#include "harness/process/shared.h"
#include "harness/wave/division.h"
#include "harness/wave/wave_child.h"

namespace connbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration sampling_interval = milliseconds(5);
constexpr Duration progress_interval = milliseconds(500);
constexpr Duration set_up_grace = seconds(10);  // fork, descriptor table, warm-up, attaching a counter
constexpr Duration end_grace = seconds(2);      // past the wave's limit: then it hangs, and is killed …
constexpr Duration end_grace_each = std::chrono::microseconds(50);  // … but what is in flight must be cancelled first
constexpr Duration stop_grace = milliseconds(500);                  // after a request to stop

// Watches one child until it has ended, and ends it when it does not.
class ChildWatch {
 public:
  ChildWatch(pid_t pid, const WaveSpec& spec, const SampleBuffer& samples, WaveReport& report, WaveParent& parent)
      : child_(pid),
        samples_(samples),
        shards_(spec.what->shards),
        report_(report),
        parent_(parent),
        limit_(spec.limit),
        end_grace_(end_grace + end_grace_each * static_cast<int64_t>(spec.what->concurrency)),
        kill_at_(now() + set_up_grace) {}

  // The reason why the child did not end as it should, or nothing.
  std::string wait_for_end(Footprint& peak) {
    while (!child_.ended_within(sampling_interval)) {
      sample(peak);
      tell_progress();
      move_deadlines();
      if (now() < kill_at_) continue;
      child_.kill();
      killed_ = true;
      kill_at_ = TimePoint::max();
    }
    return reason(child_.collect());
  }

 private:
  // With many tables it takes long enough to be seen in what is measured: it gets at most a hundredth of a processor.
  void sample(Footprint& peak) {
    const TimePoint begun = now();
    if (report_.started_ns == 0 || report_.finished || begun < sample_again_) return;
    const Footprint seen = read_footprint(child_.pid(), report_.tables);
    sample_again_ = begun + 100 * (now() - begun);
    peak.threads = std::max(peak.threads, seen.threads);
    peak.fds = std::max(peak.fds, seen.fds);
  }

  void tell_progress() {
    if (!running_ || report_.finished || !parent_.wants_progress() || now() < tell_again_) return;
    WaveProgress progress = look_at(samples_, shards_);
    progress.elapsed = now() - TimePoint(Duration(report_.started_ns));
    parent_.on_progress(progress);
    tell_again_ = now() + progress_interval;
  }

  void move_deadlines() {
    if (!running_ && !stopping_ && report_.started_ns != 0) {
      running_ = true;
      kill_at_ = TimePoint(Duration(report_.started_ns)) + limit_ + end_grace_;
    }
    if (!stopping_ && parent_.should_stop()) {
      stopping_ = true;
      report_.stop = true;
      kill_at_ = std::min(kill_at_, now() + stop_grace);
    }
  }

  std::string reason(int status) const {
    if (report_.finished) return {};
    if (report_.error[0] != '\0') return report_.error;
    if (killed_ && stopping_) return "ended by request";
    if (killed_) return running_ ? "hangs: did not end within its wave limit; killed" : "hangs while starting; killed";
    return fmt::format("{} before the wave was over", how_it_ended(status));
  }

  ChildProcess child_;
  const SampleBuffer& samples_;
  size_t shards_;
  WaveReport& report_;
  WaveParent& parent_;
  Duration limit_;
  Duration end_grace_;
  TimePoint kill_at_;
  TimePoint sample_again_{};
  TimePoint tell_again_{};
  bool running_ = false;
  bool stopping_ = false;
  bool killed_ = false;
};

// Written by another process, and read while it writes.
Sample::State state_of(const Sample& sample) noexcept {
  return *static_cast<const volatile Sample::State*>(&sample.state);
}

// A child that died leaves samples open; none of them may get lost.
void close_samples(std::span<Sample> samples) {
  for (Sample& sample : samples) {
    if (sample.state == Sample::State::done) continue;
    sample.outcome = sample.state == Sample::State::submitted ? Outcome::cancelled : Outcome::never_started;
    sample.state = Sample::State::done;
  }
}

}  // namespace

// A connector takes its attempts in their order, so that those it has are found by halving; they end in any order, but
// reading all of half a million twice a second would be seen in what is measured.
WaveProgress look_at(const SampleBuffer& samples, size_t shards) noexcept {
  constexpr size_t looked_at = 4096;
  const Division division{samples.samples().size(), shards};
  const size_t each = std::max<size_t>(1, looked_at / shards);
  WaveProgress progress;
  for (size_t shard = 0; shard < shards; ++shard) {
    const auto own = samples.samples().subspan(division.first(shard), division.count(shard));
    const auto begun = own.first(static_cast<size_t>(
        std::ranges::partition_point(own, [](const Sample& s) { return state_of(s) != Sample::State::offered; }) -
        own.begin()));
    const size_t step = begun.size() / each + 1;
    size_t done = 0;
    for (size_t i = 0; i < begun.size(); i += step) done += state_of(begun[i]) == Sample::State::done ? 1 : 0;
    progress.started += begun.size();
    progress.done += std::min(done * step, begun.size());
  }
  return progress;
}

WaveResult run_wave(const WaveSpec& spec, SampleBuffer& samples, WaveParent& parent) {
  const Shared<WaveReport> report;
  const SharedArray<std::atomic<pid_t>> threads(spec.what->shards);
  if (spec.what->shards > 1) report->tables = threads.values();
  const pid_t self = ::getpid();
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0) run_wave_child(spec, samples, *report, self);

  WaveResult result{.what = *spec.what};
  result.failure = ChildWatch(pid, spec, samples, *report, parent).wait_for_end(result.peak);
  close_samples(samples.samples());
  result.started_ns = report->started_ns;
  result.usage = report->usage;
  for (size_t i = 0; i < report->syscall_names; ++i)
    result.syscalls.push_back({report->syscalls[i].name, report->syscalls[i].calls});
  return result;
}

}  // namespace connbench
