#include "bench/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/run/warnings.h"
#include "harness/support/text_table.h"

namespace connbench {
namespace {

// Nobody can read details of a shorter wave.
constexpr Duration worth_telling = std::chrono::seconds(1);

}  // namespace

std::optional<Duration> wave_left(const Case& what, bool answers, const WaveProgress& progress,
                                  std::optional<Duration> all_begun) {
  const auto at_the_rate_of = [&](size_t number) {
    const double rest = static_cast<double>(what.attempts - number) / static_cast<double>(number);
    return Duration(static_cast<int64_t>(rest * static_cast<double>(progress.elapsed.count())));
  };
  if (!answers && all_begun) return std::max(Duration::zero(), *all_begun + what.timeout - progress.elapsed);
  if (!answers && progress.started > 0 && what.concurrency >= what.attempts)
    return at_the_rate_of(progress.started) + what.timeout;
  if (progress.done > 0) return at_the_rate_of(progress.done);
  return std::nullopt;
}

Duration wave_left_of(Duration lasts, const WaveProgress& progress) {
  return std::max(Duration::zero(), lasts - progress.elapsed);
}

std::vector<std::string> wave_details_by_time(const WaveProgress& progress) {
  const double rate = static_cast<double>(progress.started) / std::chrono::duration<double>(progress.elapsed).count();
  const std::string begun = fmt::format(", {} begun", grouped(progress.started));
  return {fmt::format("{} at {}/s, {} done", begun, grouped(fmt::format("{:.0f}", rate)), grouped(progress.done)),
          begun};
}

std::vector<std::string> wave_details(const Case& what, const WaveProgress& progress) {
  const std::string begun = fmt::format(", {}/{} begun", grouped(progress.started), grouped(what.attempts));
  const std::string done = fmt::format("{}, {} done", begun, grouped(progress.done));
  if (progress.started == what.attempts) return {done, begun};
  const double rate = static_cast<double>(progress.started) / std::chrono::duration<double>(progress.elapsed).count();
  return {fmt::format("{} at {}/s, {} done", begun, grouped(fmt::format("{:.0f}", rate)), grouped(progress.done)), done,
          begun};
}

Progress::Progress(const Plan& plan, ProgressLine::Wanted wanted) : line_(wanted), plan_(plan) {}

void Progress::on_wave(const PlannedCase& planned, unsigned repetition, WavePurpose purpose, size_t done,
                       size_t total) {
  const bool counting = purpose == WavePurpose::counting_syscalls;
  planned_ = &planned;
  all_begun_.reset();
  last_look_ = {};
  if (counting_ != counting) {
    counting_ = counting;
    time_ = {};
    rest_ = later_ = {};
    Duration timed{};
    for (const PlannedWave& wave : plan_.waves) timed += plan_.cases[wave.which].expected;
    if (counting)
      for (const PlannedCase& each : plan_.cases) rest_ += each.expected;
    (counting ? later_ : rest_) = timed;
  }
  rest_ -= planned.expected;
  // A search makes its waves as it goes: there is only an estimate of their number.
  if (plan_.waves.empty()) rest_ = planned.expected * static_cast<int64_t>(total - std::min(total, done + 1));
  time_.begin(now(), planned.expected, rest_);
  place_ = fmt::format("wave {} of {}", grouped(done + 1), grouped(total));
  wave_ = fmt::format("{}{}", planned.what.describe(),
                      counting ? ", counting system calls" : fmt::format(", repetition {}", repetition));
  line_.show(head(time_.left(now())), wave_);
}

void Progress::on_progress(const WaveProgress& progress) {
  if (planned_ == nullptr) return;
  // It was some time since the last look: without a terminal that may be long ago.
  if (!all_begun_ && progress.started == planned_->what.attempts) all_begun_ = last_look_;
  last_look_ = progress.elapsed;
  if (progress.elapsed < worth_telling) return;
  if (planned_->lasts > Duration::zero())
    return line_.show(head(time_.left_after(wave_left_of(planned_->lasts, progress))), wave_,
                      wave_details_by_time(progress));
  const auto left = wave_left(planned_->what, planned_->answers(), progress, all_begun_);
  line_.show(head(left ? time_.left_after(*left) : time_.left(now())), wave_, wave_details(planned_->what, progress));
}

std::string Progress::head(Duration left) const {
  return fmt::format("{}, about {} left: ", place_, roughly(left + later_));
}

}  // namespace connbench
