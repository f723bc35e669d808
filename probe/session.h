// Runs probes, several at a time, each in its own process.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/lab/lab.h"
#include "probe/report.h"

namespace connbench::probe {

/// Options of the lab used by probes: its kernel gives up soon.
lab::Options lab_options();

/// The results of a session so far.
struct Findings {
  std::vector<Result> results;       ///< in the order of the claims
  std::vector<MatrixRow> matrix;     ///< in the order of the states
  std::vector<std::string> defects;  ///< probes that failed, and why
};

/// Where probes run: in `lab`, or without one for the reason `why_no_lab`.
struct Place {
  lab::Lab* lab = nullptr;
  std::string why_no_lab{};
  std::optional<Duration> machine_gives_up{};  ///< determined before the lab was created
};

/// Runs the chosen probes and calls `changed` after each has ended. Returns false when `stop` (a descriptor) became
/// readable first. Call this while the process has a single thread.
bool run_probes(const Choice& choice, const Place& place, int stop, Findings& findings,
                const std::function<void()>& changed);

}  // namespace connbench::probe
