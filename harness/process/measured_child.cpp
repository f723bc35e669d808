#include "harness/process/measured_child.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>

#include "harness/machine/shortage.h"
#include "harness/process/descriptor_table.h"
#include "harness/process/privileges.h"

namespace connbench {
namespace {

constexpr Duration looking_interval = std::chrono::milliseconds(5);
constexpr Duration stop_grace = std::chrono::milliseconds(500);

}  // namespace

void ChildError::fail(std::string_view why) noexcept {
  static std::atomic_flag failed;
  while (failed.test_and_set()) ::pause();
  why.copy(text_, sizeof text_ - 1);
  ::_exit(1);
}

void ChildError::fail(const std::exception& error) noexcept {
  std::string why;
  try {
    why = with_remedy(error);
  } catch (...) {
    fail(error.what());
  }
  fail(why);
}

std::string ChildError::text() const {
  return {text_, ::strnlen(text_, sizeof text_)};
}

void begin_measured_child(const ChildStart& start) {
  die_with_parent(start.parent);
  close_descriptors(STDERR_FILENO + 1, ~0U);
  if (start.drop_capabilities) drop_capabilities();
}

void ChildWatch::set_deadline(TimePoint deadline) noexcept {
  if (!stopping_) deadline_ = deadline;
}

void ChildWatch::postpone(Duration suspended) noexcept {
  if (!stopping_ && !killed_) deadline_ += suspended;
}

void ChildWatch::wait_for_end(const std::function<void()>& look, const std::function<bool()>& should_stop) {
  while (!child_.ended_within(looking_interval)) {
    // Read before `look`, which tells of a pause: a pause after this line is one of the next round.
    const TimePoint time = now();
    look();
    if (!stopping_ && should_stop()) {
      stopping_ = true;
      report_.stop = true;
      deadline_ = std::min(deadline_, time + stop_grace);
    }
    if (time < deadline_) continue;
    child_.kill();
    killed_ = true;
    deadline_ = TimePoint::max();
  }
  status_ = child_.collect();
}

std::string ChildWatch::failure(std::string_view work, std::string_view hangs) const {
  if (report_.finished) return {};
  if (std::string reason = report_.error.text(); !reason.empty()) return reason;
  if (killed_) return std::string(stopping_ ? "ended by request" : hangs);
  return fmt::format("{} before {} was over", how_it_ended(status_), work);
}

}  // namespace connbench
