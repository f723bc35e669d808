// What the ramps of `connbench exhaust` showed, as a person reads it: one line per connector and repetition.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/exhaust/ramp_child.h"
#include "harness/record/exhaustion.h"

namespace connbench {

/// A ramp, or why there was none.
struct Verdict {
  RampName name;
  std::optional<RampStep> first{};  ///< the reading before the first dead attempt
  RampResult result{};
  std::string skipped{};     ///< why; "" = it was run
  bool interrupted = false;  ///< by a signal, so its result says nothing about the connector
};

/// `width` columns wide at most.
std::string verdict_table(const std::vector<Verdict>& verdicts, size_t width);

}  // namespace connbench
