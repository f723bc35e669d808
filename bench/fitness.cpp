#include "bench/fitness.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>

#include <chrono>

#include "harness/machine/usage.h"
#include "harness/support/clock.h"

namespace connbench {
namespace {

constexpr int looks = 20;
constexpr Duration between_looks = std::chrono::milliseconds(10);

double load_of_last_minute() {
  double load = -1;
  return ::getloadavg(&load, 1) == 1 ? load : -1;
}

std::optional<double> steal_since_boot(size_t processors) {
  timespec up;
  const int64_t steal = read_usage_before(0).steal_ns;
  if (steal < 0 || ::clock_gettime(CLOCK_BOOTTIME, &up) != 0 || up.tv_sec == 0) return std::nullopt;
  return static_cast<double>(steal) / 1e9 / static_cast<double>(up.tv_sec) / static_cast<double>(processors);
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.2g} %", 100 * *share) : "unknown";
}

Finding about_load(const Interference& seen, double load) {
  const std::string ready = seen.ready ? fmt::format("{:.1f} threads ready to run", *seen.ready) : "unknown";
  return {"load",
          fmt::format("{} on {} processor{}{}", ready, seen.processors, seen.processors == 1 ? "" : "s",
                      load < 0 ? "" : fmt::format("; {:.2f} in the last minute", load)),
          ""};
}

Finding about_quota(const Interference& seen) {
  if (!seen.quota) return {"quota", "none", ""};
  return {"quota", fmt::format("{:.3g} processors ({})", seen.quota->processors, seen.quota->name),
          "a run says how often it was stopped"};
}

}  // namespace

Fitness judge_fitness(const Interference& seen, double load, std::optional<double> steal_since_boot) {
  Fitness fitness{.findings = {about_load(seen, load),
                               {"steal",
                                fmt::format("{} of the processors' time since boot, {} at this moment",
                                            percent(steal_since_boot), percent(seen.steal_share)),
                                ""},
                               about_quota(seen),
                               {"steadiness", "not known before a run",
                                "a run says in which cases one wave took more than twice as long as another"}},
                  .unfit = why_unfit(seen)};
  if (load > static_cast<double>(seen.processors) && !seen.overloaded())
    fitness.unfit.push_back(fmt::format(
        "the load of the last minute, {:.2f}, is above the number of processors, {}. Wait until it has fallen.", load,
        seen.processors));
  if (steal_since_boot.value_or(0) > notable_steal && seen.steal_share.value_or(0) <= notable_steal)
    fitness.unfit.push_back(
        fmt::format("the hypervisor has given {} of the processors' time since boot to other machines (steal). Look "
                    "whether a run says the same.",
                    percent(steal_since_boot)));
  if (seen.quota && seen.throttling.times == 0)
    fitness.unfit.push_back(fmt::format(
        "a quota of {:.3g} processors stops a run that uses more, for up to 100 ms at a time. To raise it: {}.",
        seen.quota->processors, seen.quota->how_to_raise));
  return fitness;
}

Fitness examine_fitness(InterferenceWatch& watch) {
  for (int i = 0; i < looks; ++i) {
    watch.look();
    sleep_until(now() + between_looks);
  }
  const Interference seen = watch.seen();
  return judge_fitness(seen, load_of_last_minute(), steal_since_boot(seen.processors));
}

}  // namespace connbench
