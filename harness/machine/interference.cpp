#include "harness/machine/interference.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

#include "harness/machine/machine.h"
#include "harness/machine/usage.h"
#include "harness/support/proc_file.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

// Steal is counted in ticks of a hundredth of a second: of less processor time, one of them would be more than 1 %.
constexpr Duration least_processor_time = std::chrono::seconds(1);

// A look is the median of some readings. A single one also meets what the kernel still has to do for a wave that has
// just ended, or for a server that starts.
constexpr size_t readings_of_a_look = 5;
constexpr Duration between_readings = std::chrono::milliseconds(2);

int64_t difference(int64_t after, int64_t before) {
  return after < 0 || before < 0 ? -1 : std::max<int64_t>(0, after - before);
}

int64_t sum(int64_t one, int64_t other) {
  return one < 0 ? other : other < 0 ? one : one + other;
}

int64_t steal_of_machine() {
  return read_usage_before(0).steal_ns;
}

std::string about_quota(const CpuQuota& quota, const Throttling& throttling) {
  const std::string limit = fmt::format("the quota of {:.3g} processors ({})", quota.processors, quota.name);
  if (throttling.times < 0)
    return fmt::format(
        "{} may have stopped it for up to 100 ms at a time; the kernel does not say how often. To raise it: {}.", limit,
        quota.how_to_raise);
  return fmt::format("{} stopped it {} times, for {} in all, so times and rates include pauses. To raise it: {}.",
                     limit, throttling.times, human_readable(Duration(throttling.total_ns)), quota.how_to_raise);
}

}  // namespace

// A group without a quota is never throttled. That of an ancestor stops this process too.
Throttling read_throttling() {
  Throttling all;
  for (const std::string& group : cgroups_of("cpu")) {
    const std::string stat = read_text(group + "/cpu.stat").value_or("");
    all.times = sum(all.times, number_after(stat, "nr_throttled "));
    const int64_t microseconds = number_after(stat, "throttled_usec ");  // version 2; version 1 has nanoseconds
    all.total_ns = sum(all.total_ns, microseconds < 0 ? number_after(stat, "throttled_time ") : microseconds * 1000);
  }
  return all;
}

std::optional<double> ready_threads_of_others(size_t own) {
  std::array<char, 128> buffer;
  const int64_t ready = leading_number(word(read_once("/proc/loadavg", buffer), 3));  // "3/471"
  if (ready < 0) return std::nullopt;
  return std::max(0.0, static_cast<double>(ready) - 1 - static_cast<double>(own));
}

size_t processors_of_machine() {
  return std::max(online_cpus().size(), available_cpus().size());
}

bool Interference::overloaded() const noexcept {
  return ready && std::round(*ready) + 1 > static_cast<double>(processors);
}

InterferenceWatch::InterferenceWatch() : steal_before_(steal_of_machine()), throttling_before_(read_throttling()) {}

void InterferenceWatch::look(size_t own) {
  std::array<double, readings_of_a_look> readings;
  for (double& reading : readings) {
    std::this_thread::sleep_for(between_readings);
    const auto ready = ready_threads_of_others(own);
    if (!ready) return;
    reading = *ready;
  }
  std::ranges::nth_element(readings, readings.begin() + readings_of_a_look / 2);
  ready_sum_ += readings[readings_of_a_look / 2];
  ++looks_;
}

Interference InterferenceWatch::seen() const {
  Interference seen{.processors = processors_of_machine(), .quota = cpu_quota()};
  if (looks_ > 0) seen.ready = ready_sum_ / static_cast<double>(looks_);
  const Duration processor_time = (now() - begun_) * static_cast<int64_t>(seen.processors);
  const int64_t steal = difference(steal_of_machine(), steal_before_);
  if (steal >= 0 && processor_time >= least_processor_time)
    seen.steal_share = static_cast<double>(steal) / static_cast<double>(processor_time.count());
  const Throttling after = read_throttling();
  seen.throttling = {.times = difference(after.times, throttling_before_.times),
                     .total_ns = difference(after.total_ns, throttling_before_.total_ns)};
  return seen;
}

std::vector<std::string> why_unfit(const Interference& seen) {
  std::vector<std::string> reasons;
  if (seen.overloaded())
    reasons.push_back(fmt::format(
        "other programs kept {:.1f} threads ready to run on {} processor{}, so that with the client the load was above "
        "the number of processors, and the client and the servers had to wait for one. Stop them, or measure when "
        "nothing else runs.",
        *seen.ready, seen.processors, seen.processors == 1 ? "" : "s"));
  if (seen.steal_share && *seen.steal_share > notable_steal)
    reasons.push_back(
        fmt::format("the hypervisor gave {:.2g} % of the processors' time to other machines (steal), so times include "
                    "pauses. Use processors of your own, or measure when that host is quieter.",
                    100 * *seen.steal_share));
  if (seen.quota && seen.throttling.times != 0) reasons.push_back(about_quota(*seen.quota, seen.throttling));
  return reasons;
}

}  // namespace connbench
