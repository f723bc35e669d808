// Runs a plan: opens the targets, runs every wave, and passes the results to the recorder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/record/recorder.h"
#include "harness/record/summary.h"
#include "harness/run/plan.h"
#include "harness/run/rate_search.h"
#include "harness/run/site.h"
#include "harness/syscalls/syscall_counter.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench {

/// The results of one case.
struct CaseResult {
  const PlannedCase* planned;
  std::vector<SummaryRow> rows;       ///< one for each timed wave that no signal interrupted
  std::vector<std::string> failures;  ///< of waves whose child process crashed, hung or threw
};

/// What a search for a rate has found for one case. A search that has ended by itself has at least one of `held` and
/// `not_held`.
struct RateResult {
  struct Wave {
    double rate_per_s;
    bool held;
    SummaryRow row;
  };
  const PlannedCase* planned;
  std::optional<double> held;      ///< the highest rate that held the goal
  std::optional<double> not_held;  ///< the lowest rate that did not
  std::vector<Wave> rows;          ///< in the order in which they were run
  std::string failure;             ///< of the wave that ended the search early; "" = none did
};

class Session {
 public:
  /// All arguments must outlive the session.
  Session(const RunRequest& request, const Plan& plan, Site& site, Recorder& recorder, SessionObserver& observer);

  /// @throws std::system_error when a target cannot be opened, a child cannot be created, or a record cannot be written
  SessionEnd run();

  const std::vector<CaseResult>& results() const noexcept { return results_; }
  /// The results of a search for rates (RunRequest::find_rate). results() is empty then.
  const std::vector<RateResult>& rates() const noexcept { return rates_; }
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// Why this machine was not fit to measure, in words; empty when it was.
  const std::vector<std::string>& unfit() const noexcept { return unfit_; }
  /// After SessionEnd::broke: the processes that died.
  std::string died() const { return site_.died(); }
  /// Whether the waves that count system calls, if any, were all run; without them nothing is timed.
  bool counted() const noexcept { return counted_; }
  /// How system calls were counted: "tracepoint", "strace" or "".
  std::string_view syscall_method() const noexcept { return counting_.method; }

 private:
  /// @param wave during which it was; nullptr = between two timed waves
  void note_suspension(const WaveResult* wave);
  void warn(std::string warning);
  void record_connectors();
  void record_hosts();
  SessionEnd count_syscalls();
  SessionEnd timed_waves();
  SessionEnd find_rates();
  void try_rate(RateSearch& search, RateResult& result);
  void conclude(const RateResult& found);
  SummaryRow record(const WaveResult& wave, const SampleBuffer& samples, const PlannedCase& planned);
  SessionEnd state() { return site_.state(); }
  void warn_about_cases();
  void begin_timed_wave();
  void judge_machine();

  const RunRequest& request_;
  const Plan& plan_;
  Site& site_;
  Recorder& recorder_;
  SessionObserver& observer_;
  SyscallCounting counting_;
  std::vector<CaseResult> results_;
  std::vector<RateResult> rates_;
  std::vector<std::string> warnings_;
  std::vector<std::string> unfit_;
  unsigned waves_done_ = 0;
  bool counted_ = false;
};

}  // namespace connbench
