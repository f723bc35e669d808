#include "harness/record/lab_json.h"

#include <nlohmann/json.hpp>

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

Json describe(const lab::LinkReport& report) {
  const auto lateness = [&](double q) { return report.lateness.quantile(q).count(); };
  return {{"frames", report.frames},
          {"answered", report.answered},
          {"lost_by_rule", report.lost_by_rule},
          {"dropped_by_kernel", report.dropped_by_kernel},
          {"dropped_on_sending", report.dropped_on_sending},
          {"dropped_in_queue", report.dropped_in_queue},
          {"foreign", report.foreign},
          {"lateness_p50_ns", lateness(0.5)},
          {"lateness_p90_ns", lateness(0.9)},
          {"lateness_p99_ns", lateness(0.99)}};
}

}  // namespace

Json describe_lab(const lab::Lab& lab) {
  Json sysctls = Json::object();
  for (const auto& [name, value] : lab.sysctls()) sysctls[name] = value;
  Json capture;
  if (const lab::CaptureState* state = lab.capture_state())
    capture = {{"packets", state->packets.load()}, {"drops", state->drops.load()}};
  return {{"rights", lab.rights() == lab::Rights::machine ? "machine" : "user namespace"},
          {"sysctls", sysctls},
          {"link", describe(lab.link_report())},
          {"capture", capture}};
}

}  // namespace connbench
