#include "bench/progress_line.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "harness/support/text_table.h"
#include "harness/support/wrapped.h"

namespace connbench {
namespace {

constexpr Duration between_lines = std::chrono::seconds(10);
constexpr size_t room_for_subject = 14;  // less of it says too little

// To a pipe that nobody reads, or a terminal that was stopped, nothing is written: the run must not wait for it.
void write_if_read(std::string_view text) {
  pollfd out{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0) std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

ProgressLine::ProgressLine(Wanted wanted)
    : kind_(wanted == Wanted::no           ? Kind::none
            : ::isatty(STDERR_FILENO) == 1 ? Kind::terminal
                                           : Kind::lines) {}

bool ProgressLine::due() const {
  return kind_ == Kind::terminal || (kind_ == Kind::lines && now() - last_ >= between_lines);
}

// A line that wraps could not be removed again. Nor could one in the terminal's last column on some terminals.
void ProgressLine::show(std::string_view head, std::string_view subject, const std::vector<std::string>& tails) {
  if (!due()) return;
  last_ = now();
  if (kind_ == Kind::lines) {
    write_if_read(fitted_line(head, subject, tails, SIZE_MAX) + '\n');
  } else {
    write_if_read("\r\033[K" + fitted_line(head, subject, tails, terminal_columns(STDERR_FILENO) - 1));
    shown_ = true;
  }
}

void ProgressLine::clear() {
  if (std::exchange(shown_, false)) write_if_read("\r\033[K");
}

std::string fitted_line(std::string_view head, std::string_view subject, const std::vector<std::string>& tails,
                        size_t width) {
  const size_t subject_needs = std::min(display_width(subject), room_for_subject);
  const auto fits = [&](const std::string& tail) {
    return display_width(head) + subject_needs + display_width(tail) <= width;
  };
  const auto tail = std::ranges::find_if(tails, fits);
  const std::string_view end = tail == tails.end() ? std::string_view{} : *tail;
  const size_t taken = display_width(head) + display_width(end);
  return shortened(fmt::format("{}{}{}", head, shortened(subject, width > taken ? width - taken : 0), end), width);
}

void TimeLeft::begin(TimePoint at, Duration expected, Duration rest) {
  if (begun_) {
    finished_ += part_;
    took_ += at - part_begun_;
  }
  begun_ = true;
  part_begun_ = at;
  part_ = expected;
  rest_ = std::max(Duration::zero(), rest);
}

Duration TimeLeft::left(TimePoint at) const {
  const auto part = Duration(static_cast<int64_t>(static_cast<double>(part_.count()) * factor()));
  return left_after(part - (at - part_begun_));
}

Duration TimeLeft::left_after(Duration current) const {
  return std::max(Duration::zero(), current) +
         Duration(static_cast<int64_t>(static_cast<double>(rest_.count()) * factor()));
}

// The expectation weighs as much as the first tenth of the run: at the beginning there is nothing else to go by.
double TimeLeft::factor() const {
  const double prior = static_cast<double>((finished_ + part_ + rest_).count()) / 10;
  if (prior <= 0) return 1;
  return (prior + static_cast<double>(took_.count())) / (prior + static_cast<double>(finished_.count()));
}

std::string roughly(Duration d) {
  const int64_t seconds = std::chrono::round<std::chrono::seconds>(d).count();
  if (seconds < 60) return fmt::format("{} s", std::max<int64_t>(1, seconds));
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

}  // namespace connbench
