// Made-up results, the same on every machine: what the screens are rendered from.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "harness/run/session.h"

namespace connbench {

/// The figures of one case. Its waves vary around them.
struct MadeUp {
  std::string connector;
  double connects_per_s = 0;  ///< 0: nothing connects
  double connect_us = 0;      ///< p50; p99 is four times as much
  double late_us = 0;         ///< p50 of the overshoot; 0: no deadline passes
  double response_us = 0;     ///< open loop
  double cpu_us = 0;          ///< per attempt
  double switches = 0;        ///< per attempt
  uint64_t syscalls = 0;      ///< per attempt
  double in_flight = 0;
  int64_t threads = 1;
  std::vector<std::pair<Outcome, size_t>> others{};  ///< attempts of each wave that did not end as usual
  size_t waves = 5;
};

/// Cases, and the results that point to them.
class MadeUpRun {
 public:
  /// What the following cases have in common.
  MadeUpRun& load(Case what);
  /// A case at one target. @param usual how its attempts end, unless MadeUp says otherwise
  MadeUpRun& add(const MadeUp& figures, Outcome usual);
  /// A case of a fleet; the last target of `mix` never answers.
  MadeUpRun& add_fleet(const MadeUp& figures, std::string_view mix, std::string_view arrival = "closed");
  MadeUpRun& fail(std::string why);
  MadeUpRun& skip(std::string connector, std::string reason);

  const std::vector<CaseResult>& results() const { return results_; }
  const std::vector<SkippedCase>& skipped() const { return skipped_; }

 private:
  PlannedCase& plan(const std::string& connector);
  const NamedTarget& target(const std::string& name);

  Case what_;
  std::deque<NamedTarget> targets_;
  std::deque<Mix> mixes_;
  std::deque<PlannedCase> planned_;
  std::vector<CaseResult> results_;
  std::vector<SkippedCase> skipped_;
};

/// One wave of a case; `variation` is a factor on its rate.
SummaryRow made_up_wave(const Case& what, const MadeUp& figures, Outcome usual, double variation);

}  // namespace connbench
