#include "bench/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "harness/run/warnings.h"
#include "harness/support/units.h"
#include "harness/support/wrapped.h"

namespace connbench {
namespace {

// A shorter wave is over before anybody has read of it.
constexpr Duration worth_telling = std::chrono::seconds(1);

// What answers goes on as it did; where nobody does, the last attempt begun ends with its timeout.
std::optional<Duration> time_left(const Case& what, bool answers, const WaveProgress& progress,
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

}  // namespace

std::string progress_line(const Case& what, bool answers, const WaveProgress& progress,
                          std::optional<Duration> all_begun) {
  std::string line = fmt::format("{}/{} begun", progress.started, what.attempts);
  if (progress.started < what.attempts)
    fmt::format_to(std::back_inserter(line), " at {:.0f}/s",
                   static_cast<double>(progress.started) / std::chrono::duration<double>(progress.elapsed).count());
  fmt::format_to(std::back_inserter(line), ", {} done", progress.done);
  if (const auto left = time_left(what, answers, progress, all_begun))
    fmt::format_to(std::back_inserter(line), ", about {} left", human_readable(*left));
  return line;
}

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::on_wave(const PlannedCase& planned, unsigned repetition, WavePurpose purpose, size_t done,
                       size_t total) {
  if (!terminal_) return;
  planned_ = &planned;
  all_begun_.reset();
  std::string left;
  if (done > 0) {
    const Duration each = (now() - begun_) / static_cast<int64_t>(done);
    left = fmt::format(", about {} left", human_readable(each * static_cast<int64_t>(total - done)));
  }
  place_ = fmt::format("[{}/{}{}]", done + 1, total, left);
  wave_ = fmt::format(
      "{}: {}",
      purpose == WavePurpose::counting_syscalls ? "counting system calls" : fmt::format("repetition {}", repetition),
      planned.what.describe());
  show(fmt::format("{} {}", place_, wave_));
}

void Progress::on_progress(const WaveProgress& progress) {
  if (planned_ == nullptr || progress.elapsed < worth_telling) return;
  if (!all_begun_ && progress.started == planned_->what.attempts) all_begun_ = progress.elapsed;
  const bool answers = planned_->target->entry->answers;
  show(fmt::format("{} {}: {}", place_, progress_line(planned_->what, answers, progress, all_begun_), wave_));
}

// A line that wraps could not be taken away again.
void Progress::show(std::string_view line) {
  fmt::print(stderr, "\r\033[K{}", line.substr(0, terminal_columns(STDERR_FILENO) - 1));
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace connbench
