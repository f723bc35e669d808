#include "harness/wave/wave.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "harness/process/measured_child.h"
#include "harness/process/shared.h"
#include "harness/wave/division.h"
#include "harness/wave/program_wave.h"
#include "harness/wave/wave_child.h"

namespace connbench {
namespace {

using std::chrono::seconds;

constexpr Duration progress_interval = std::chrono::milliseconds(500);
constexpr Duration set_up_grace = seconds(10);  // fork, descriptor table, warm-up, attaching a counter
constexpr Duration others_grace = seconds(30);  // until the other hosts of a cluster are ready too
// Past its limit a wave still has to cancel what is in flight. Beyond this it hangs, and is killed.
constexpr Duration end_grace = seconds(2);
constexpr Duration end_grace_per_attempt = std::chrono::microseconds(50);

bool is_program(const WaveSpec& spec) noexcept {
  return spec.connector->entry->program != nullptr;
}

// What the parent does while the child of a wave runs.
class WaveWatch {
 public:
  WaveWatch(pid_t pid, const WaveSpec& spec, const SampleBuffer& samples, WaveReport& report, WaveParent& parent)
      : child_(pid, now() + set_up_grace + (is_program(spec) ? program_start_limit : Duration{}), report),
        samples_(samples),
        shards_(spec.what->shards),
        report_(report),
        parent_(parent),
        footprint_(spec.footprint),
        suspended_(parent.suspended()),
        longest_(spec.load.limit + end_grace + end_grace_per_attempt * static_cast<int64_t>(spec.what->concurrency) +
                 (is_program(spec) ? program_end_limit(spec.what->attempts) : Duration{})) {}

  // @return why the child did not finish; "" = it finished
  std::string wait_for_end() {
    child_.wait_for_end([this] { look(); }, [this] { return parent_.should_stop(); });
    return child_.failure(
        "the wave", running_ ? "hangs: did not end within its wave limit; killed" : "hangs while starting; killed");
  }
  const Footprint& peak() const noexcept { return peak_; }
  bool stopped() const noexcept { return child_.stopping(); }

 private:
  void look() {
    sample();
    tell_progress();
    const Duration suspended = parent_.suspended();
    const Duration paused = suspended - std::exchange(suspended_, suspended);
    child_.postpone(paused);
    agree_on_begin();
    if (running_ || child_.stopping() || report_.started_ns == 0) return;
    running_ = true;
    child_.set_deadline(TimePoint(Duration(report_.started_ns)) + longest_ + paused);
  }

  void agree_on_begin() {
    if (!report_.ready || report_.begin_ns != 0) return;
    if (!std::exchange(announced_, true)) {
      parent_.on_ready();
      child_.set_deadline(now() + others_grace);
    }
    if (const auto begin = parent_.agreed_begin()) report_.begin_ns = to_ns(*begin);
  }

  // Reading many descriptor tables takes long enough to disturb the measurement: at most 1 % of a processor goes to it.
  void sample() {
    const TimePoint begun = now();
    if (report_.started_ns == 0 || report_.finished || begun < sample_again_) return;
    const pid_t program = report_.program;
    const Footprint seen = footprint_(program > 0 ? program : child_.pid(), report_.tables);
    sample_again_ = begun + 100 * (now() - begun);
    // A process per attempt takes the place of a thread. What a program starts is not measured (docs/programs.md).
    const int64_t processes = program > 0 ? 0 : std::max<int64_t>(0, seen.children);
    peak_.threads = std::max(peak_.threads, seen.threads + processes);
    peak_.fds = std::max(peak_.fds, seen.fds);
  }

  void tell_progress() {
    if (!running_ || report_.finished || !parent_.wants_progress() || now() < tell_again_) return;
    WaveProgress progress = look_at(samples_, shards_);
    progress.elapsed = now() - TimePoint(Duration(report_.started_ns));
    parent_.on_progress(progress);
    tell_again_ = now() + progress_interval;
  }

  ChildWatch child_;
  const SampleBuffer& samples_;
  size_t shards_;
  WaveReport& report_;
  WaveParent& parent_;
  decltype(WaveSpec::footprint) footprint_;
  Duration suspended_;
  Duration longest_;  // from its start until it is killed
  Footprint peak_{};
  TimePoint sample_again_{};
  TimePoint tell_again_{};
  bool running_ = false;
  bool announced_ = false;  // that the child is ready
};

// volatile: another process writes it meanwhile.
Sample::State state_of(const Sample& sample) noexcept {
  return *static_cast<const volatile Sample::State*>(&sample.state);
}

// A child that died leaves attempts without an outcome; each of them must still be counted.
void close_samples(std::span<Sample> samples) {
  for (Sample& sample : samples) {
    if (sample.state == Sample::State::done) continue;
    sample.outcome = sample.state == Sample::State::submitted ? Outcome::cancelled : Outcome::never_started;
    sample.state = Sample::State::done;
  }
}

// A shard offers its attempts in order, so bisection finds how many it has offered.
std::vector<size_t> offered_by_shard(std::span<const Sample> samples, const Division& division) {
  std::vector<size_t> offered;
  for (size_t shard = 0; shard < division.shards; ++shard) {
    const auto own = samples.subspan(division.first(shard), division.count(shard));
    const auto end = std::ranges::partition_point(own, [](const Sample& s) { return s.scheduled_ns != 0; });
    offered.push_back(static_cast<size_t>(end - own.begin()));
  }
  return offered;
}

// The samples of a wave whose child has ended.
void close_samples(std::span<Sample> samples, bool incomplete, WaveResult& result) {
  if (!incomplete) return close_samples(samples);
  const Division division{samples.size(), result.what.shards};
  result.offered = offered_by_shard(samples, division);
  for (size_t shard = 0; shard < division.shards; ++shard)
    close_samples(samples.subspan(division.first(shard), result.offered[shard]));
}

}  // namespace

// A connector takes its attempts in order, so bisection finds how many it has taken. They end in any order, but reading
// half a million samples twice a second would disturb the measurement: those that have ended are estimated.
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
  WaveWatch watch(pid, spec, samples, *report, parent);
  result.failure = watch.wait_for_end();
  result.peak = watch.peak();
  result.by_time = spec.load.lasts > Duration::zero();
  close_samples(samples.samples(), watch.stopped() || result.by_time, result);
  result.started_ns = report->started_ns;
  result.usage = report->usage;
  for (size_t i = 0; i < report->syscall_names; ++i)
    result.syscalls.push_back({report->syscalls[i].name, report->syscalls[i].calls});
  if (is_program(spec)) {
    result.program.emplace(ProgramWaveFacts{.clock_error_ns = report->clock_error_ns});
    for (size_t i = 0; i < report->own_word_count; ++i)
      result.program->own_words.emplace_back(report->own_words[i].word, report->own_words[i].count);
  }
  return result;
}

}  // namespace connbench
