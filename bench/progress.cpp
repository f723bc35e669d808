#include "bench/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "harness/units.h"
#include "harness/warnings.h"

namespace connbench {

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::on_wave(const PlannedCase& planned, unsigned repetition, bool counting, size_t done, size_t total) {
  if (!terminal_) return;
  std::string left;
  if (done > 0) {
    const Duration each = (now() - begun_) / static_cast<int64_t>(done);
    left = fmt::format(", about {} left", humane(each * static_cast<int64_t>(total - done)));
  }
  const std::string what = counting ? "counting system calls" : fmt::format("repetition {}", repetition);
  fmt::print(stderr, "\r\033[K[{}/{}{}] {}: {}", done + 1, total, left, what, describe(planned.what));
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
