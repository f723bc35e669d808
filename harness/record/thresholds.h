// Thresholds that decide how a figure is judged, and that the scripts share with the program (`connbench list --format
// json` prints them).
#pragma once

#include <array>
#include <string_view>

#include "harness/record/open_loop.h"
#include "harness/support/statistics.h"

namespace connbench {

/// A case is server-bound when the target's server used more than this share of one processor in some wave: its rate
/// is then the server's, a lower bound for the connector.
inline constexpr double server_bound = 0.8;

/// An open-loop wave sustained its rate when connects per second reached at least this share of the offered rate. Below
/// it, latency describes a queue of the wave's own making.
inline constexpr double sustained_rate = 0.8;

struct Threshold {
  std::string_view name;  ///< as in the JSON
  double value;
};

/// All shared thresholds. `percentile_confidence`: see samples_needed(). `late_bound_ns`: see late_bound.
inline constexpr std::array thresholds = {
    Threshold{"server_bound", server_bound},
    Threshold{"sustained_rate", sustained_rate},
    Threshold{"percentile_confidence", percentile_confidence},
    Threshold{"late_bound_ns", static_cast<double>(late_bound.count())},
};

}  // namespace connbench
