#include "harness/run/phase_lock.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "harness/scenarios/scenario.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

constexpr Duration usual_slack = std::chrono::microseconds(50);
constexpr Duration near = std::chrono::microseconds(100);

// Something that happens a fixed time after the start of each attempt.
struct Event {
  Duration after;
  const char* what;   // "the timeout"
  const char* event;  // "deadline passes"
};

// What happens to the attempts of a case that go to `target`, and may keep step with its arrivals.
std::optional<Event> event_at(const NamedTarget& target, const PlannedCase& planned) {
  const Duration timeout = planned.what.timeout;
  if (target.entry->round_trip != nullptr)
    if (const Duration round_trip = target.entry->round_trip(target.parameter); round_trip < timeout)
      return Event{round_trip, "the round trip", "answer comes"};
  if (target.entry->answers && target.entry->round_trip == nullptr) return std::nullopt;
  if (!planned.capabilities.has_deadline()) return std::nullopt;
  return Event{timeout, "the timeout", "deadline passes"};
}

// Whether attempts still start when the first of these events happens.
bool meets_a_start(const PlannedCase& planned, Duration interval, Duration after) {
  return planned.what.attempts > 1 && after <= interval * static_cast<int64_t>(planned.what.attempts - 1);
}

bool overlaps(const PlannedCase& planned) {
  return planned.capabilities.opens_sockets && !planned.capabilities.completes_in_submit &&
         planned.what.concurrency > 1;
}

// 10.5ms for 10ms and an interval of 1ms: half-way between two starts.
std::string between(Duration after, Duration interval) {
  const int64_t whole = (after + interval / 2) / interval;
  return format_duration(interval * whole + interval / 2);
}

std::string warning_of(const RunRequest& request, const PlannedCase& planned, const Event& event, Duration interval) {
  const std::string arrival = "uniform" + planned.load.substr(planned.load.rfind(':'));
  const std::string poisson = "poisson" + planned.load.substr(planned.load.rfind(':'));
  if (request.find_rate)
    return fmt::format(
        "{}: at some of the evenly spaced rates that are tried, every {} just when another attempt starts, which wakes "
        "a "
        "loop that would otherwise be late. Use --arrival {}.",
        planned.what.describe_load(), event.event, poisson);
  return fmt::format(
      "{}: {} keeps step with {} of {}. Every {} just when another attempt starts, which wakes a loop that would "
      "otherwise be late, and no thread. Use --arrival {}, or {} of {}.",
      planned.what.describe_load(), arrival, event.what, format_duration(event.after), event.event, poisson, event.what,
      between(event.after, interval));
}

}  // namespace

bool is_phase_locked(Duration interval, Duration after) noexcept {
  if (interval <= usual_slack) return false;
  const Duration past = after % interval;
  const Duration distance = std::min(past, interval - past);
  return distance <= std::min(near, interval / 8);
}

std::vector<std::string> phase_warnings(const RunRequest& request, const std::vector<PlannedCase>& cases) {
  std::vector<std::string> warnings;
  for (const PlannedCase& planned : cases) {
    if (!overlaps(planned)) continue;
    const std::optional<Duration> interval = find_scenario(planned.load).entry->pacing(planned.load, 0)->interval();
    if (!interval) continue;
    for (const NamedTarget* target : planned.targets()) {
      const std::optional<Event> event = event_at(*target, planned);
      if (!event || !meets_a_start(planned, *interval, event->after)) continue;
      if (!request.find_rate && !is_phase_locked(*interval, event->after)) continue;
      std::string warning = warning_of(request, planned, *event, *interval);
      if (std::ranges::find(warnings, warning) == warnings.end()) warnings.push_back(std::move(warning));
    }
  }
  return warnings;
}

}  // namespace connbench
