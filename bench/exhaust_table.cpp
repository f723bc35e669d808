#include "bench/exhaust_table.h"

#include <fmt/format.h>
#include <string.h>

#include "bench/table.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

using Cells = std::vector<std::string>;

std::string microseconds(int64_t ns) {
  return ns < 0 ? "-" : fmt::format("{:.0f}", static_cast<double>(ns) / 1e3);
}

std::string pair_of(int64_t p50_ns, int64_t p99_ns) {
  return fmt::format("{} / {}", microseconds(p50_ns), microseconds(p99_ns));
}

// What a pending attempt holds: the difference from before the first of them.
std::string each(const Verdict& verdict, int64_t Holding::*part) {
  if (!verdict.first || !verdict.result.last || verdict.result.last->pending == 0) return "-";
  const int64_t before = verdict.first->holding.*part;
  const int64_t after = verdict.result.last->holding.*part;
  if (before < 0 || after < 0) return "-";
  return fmt::format("{:.2f}", static_cast<double>(after - before) / static_cast<double>(verdict.result.last->pending));
}

std::string stopped_by(const RampEnd& end) {
  const char* error = end.os_error == 0 ? nullptr : ::strerrorname_np(end.os_error);
  const std::string with = error == nullptr ? "" : fmt::format(": {}", error);
  switch (end.stopped) {
    case Stopped::nothing:
      return end.ended_otherwise == 0
                 ? "nothing"
                 : fmt::format("nothing: {} ended {}", end.ended_otherwise, to_string(end.otherwise));
    case Stopped::exhausted:
      return fmt::format("{}{}", end.call, with);
    case Stopped::full:
      return "its own limit";
    case Stopped::threw:
      return fmt::format("threw {}{}", end.call, with);
    case Stopped::out_of_time:
      return "time";
    case Stopped::asked:
      break;
  }
  return "request";
}

std::string beside(const RampEnd& end) {
  if (end.healthy_tried == 0) return "deadlines had passed";
  if (end.healthy_connected == 0) return fmt::format("none of {} got through", end.healthy_tried);
  if (end.healthy_p50_ns < 0)
    return fmt::format("{} of {} got through, too few for p50", end.healthy_connected, end.healthy_tried);
  return pair_of(end.healthy_p50_ns, end.healthy_p99_ns);
}

std::string recovery(const RampEnd& end) {
  const std::string how = end.by_deadline ? "deadline" : "cancel";
  if (end.recovery_released_ns < 0 && end.healthy_tried == 0) return "deadlines had passed";
  if (end.recovery_released_ns < 0) return "not in 10 s";
  return fmt::format("{} after {}", human_readable(Duration(end.recovery_released_ns)), how);
}

Cells cells(const Verdict& verdict) {
  const RampEnd& end = verdict.result.end;
  const std::string limit = verdict.name.resource == "memory" ? fmt::format("{}MiB", verdict.name.limit >> 20)
                                                              : fmt::format("{}", verdict.name.limit);
  if (!verdict.result.failure.empty())
    return {verdict.name.connector, limit, "", "failed: " + verdict.result.failure, "", "", "", "", ""};
  return {verdict.name.connector,
          limit,
          fmt::format("{}", end.most_pending),
          stopped_by(end),
          each(verdict, &Holding::rss_kib),
          each(verdict, &Holding::kernel_kib),
          pair_of(end.unloaded_p50_ns, end.unloaded_p99_ns),
          beside(end),
          end.stopped == Stopped::threw ? "" : recovery(end)};
}

}  // namespace

std::string verdict_table(const std::vector<Verdict>& verdicts) {
  std::vector<Cells> rows{{"connector", "limit", "pending", "stopped by", "KiB each", "kernel KiB",
                           "healthy before, us", "healthy beside them, us", "healthy again"}};
  std::string skips;
  for (const Verdict& verdict : verdicts) {
    if (verdict.skipped.empty())
      rows.push_back(cells(verdict));
    else
      skips += fmt::format("skipped {}: {}\n", verdict.name.connector, verdict.skipped);
  }
  return align(rows) +
         "  pending: the most at a time, each from when the way took it until it handed it back.\n  KiB each: what "
         "grew while they were started, without what the connector had reserved; the kernel's grows "
         "with "
         "whatever the machine does besides.\n  healthy: connects to a host that answers, one after the other, p50 / "
         "p99.\n" +
         skips;
}

}  // namespace connbench
