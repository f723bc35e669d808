// Runs a plan: opens the targets, runs every wave, and passes the results to the recorder.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/machine/interference.h"
#include "harness/process/stop_signal.h"
#include "harness/record/recorder.h"
#include "harness/record/summary.h"
#include "harness/run/plan.h"
#include "harness/run/rate_search.h"
#include "harness/syscalls/syscall_counter.h"
#include "harness/targets/target.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench {

/// Which processors each side runs on; empty = any.
struct Placement {
  std::vector<int> client;
  std::vector<int> server;
  std::vector<int> link;  ///< of the lab
};

/// What a wave is run for.
enum class WavePurpose : uint8_t {
  timing,            ///< to be measured
  counting_syscalls  ///< to count system calls; not timed
};

/// Receives the progress of a session.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  /// A wave is about to begin. `done` of `total` waves are over; in a search for a rate, `total` is an estimate.
  /// @param repetition from 1; 0 of a counting wave
  virtual void on_wave(const PlannedCase& planned, unsigned repetition, WavePurpose purpose, size_t done,
                       size_t total) = 0;
  /// Whether on_progress() is to be called.
  virtual bool wants_progress() const { return false; }
  /// Called twice a second during the wave of the last on_wave().
  virtual void on_progress(const WaveProgress&) {}
};

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

enum class SessionEnd : uint8_t {
  complete,     ///< every wave was run
  interrupted,  ///< a signal asked for an end
  broke         ///< a server or the lab's link died: the results so far are valid, the rest cannot be measured
};

class Session {
 public:
  /// All arguments must outlive the session. Make it while the process has one thread, because it forks.
  Session(const RunRequest& request, const Plan& plan, const Placement& placement, Recorder& recorder, StopSignal& stop,
          SessionObserver& observer);
  ~Session();

  /// @throws std::system_error when a target cannot be opened, a child cannot be created, or a record cannot be written
  SessionEnd run();

  const std::vector<CaseResult>& results() const noexcept { return results_; }
  /// The results of a search for rates (RunRequest::find_rate). results() is empty then.
  const std::vector<RateResult>& rates() const noexcept { return rates_; }
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// Why this machine was not fit to measure, in words; empty when it was.
  const std::vector<std::string>& unfit() const noexcept { return unfit_; }
  /// After SessionEnd::broke: the processes that died.
  std::string died() const;
  /// Whether the waves that count system calls, if any, were all run; without them nothing is timed.
  bool counted() const noexcept { return counted_; }
  /// How system calls were counted: "tracepoint", "strace" or "".
  std::string_view syscall_method() const noexcept { return counting_.method; }

 private:
  class Servers;
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
  WaveResult wave(const PlannedCase& planned, SampleBuffer& samples, unsigned repetition, std::string_view counting);
  std::vector<std::span<const Endpoint>> routes(const PlannedCase& planned, const Assignment& assignment) const;
  pid_t server_of(const PlannedCase& planned) const;
  const Target& warm_up_target(const PlannedCase& planned) const;
  SessionEnd state();
  bool drops_capabilities() const;
  void warn_about_cases();
  void begin_timed_wave();
  void judge_machine();

  const RunRequest& request_;
  const Plan& plan_;
  const Placement& placement_;
  Recorder& recorder_;
  SessionObserver& observer_;
  SyscallCounting counting_;
  std::unique_ptr<Servers> servers_;
  std::vector<CaseResult> results_;
  std::vector<RateResult> rates_;
  std::vector<std::string> warnings_;
  InterferenceWatch interference_;
  std::vector<std::string> unfit_;
  unsigned waves_done_ = 0;
  bool counted_ = false;
};

}  // namespace connbench
