// Runs probes, each in a process of its own and several at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/lab/lab.h"
#include "probe/report.h"

namespace connbench::probe {

/// What the lab of the probes is like: its kernel gives up soon.
lab::Options lab_options();

/// What has come of a session so far.
struct Findings {
  std::vector<Result> results;       ///< in the order of the claims
  std::vector<MatrixRow> matrix;     ///< in the order of the states
  std::vector<std::string> defects;  ///< probes that did not come to an end by themselves, and why
};

/// Where it takes place: in `lab`, or without one for the reason `why_no_lab`.
struct Place {
  lab::Lab* lab = nullptr;
  std::string why_no_lab{};
  std::optional<Duration> machine_gives_up{};  ///< asked before the lab was made
};

/// Runs what was chosen; `changed` is told after each probe that has ended. False when `stop` (a descriptor) became
/// readable first. To be called while the process has one thread.
bool run_probes(const Choice& choice, const Place& place, int stop, Findings& findings,
                const std::function<void()>& changed);

}  // namespace connbench::probe
