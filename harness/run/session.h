// Runs a plan: opens the targets, runs every wave, hands everything to the recorder.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "harness/process/stop_signal.h"
#include "harness/record/recorder.h"
#include "harness/run/plan.h"

namespace connbench {

/// Processors for the two sides; empty = any.
struct Placement {
  std::vector<int> client;
  std::vector<int> server;
  std::vector<int> link;  ///< of the lab; empty = any
};

/// What a session tells while it runs.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  /// A wave is about to begin; `counting`: the untimed one that counts system calls. `done` of `total` are over.
  virtual void on_wave(const PlannedCase& planned, unsigned repetition, bool counting, size_t done, size_t total) = 0;
  /// Whether anybody looks at the following.
  virtual bool wants_progress() const { return false; }
  /// Twice a second while the wave of the last on_wave() goes on.
  virtual void on_progress(const WaveProgress&) {}
};

/// What became of one case.
struct CaseResult {
  const PlannedCase* planned;
  std::vector<SummaryRow> rows;       ///< one per timed wave that was run
  std::vector<std::string> failures;  ///< of waves whose child did not end as it should
};

/// What a search for a rate has found of one case. At most one of `held` and `not_held` is missing once it is over.
struct RateResult {
  struct Wave {
    double rate_per_s;
    bool held;
    SummaryRow row;
  };
  const PlannedCase* planned;
  std::optional<double> held;      ///< the highest rate that held the goal
  std::optional<double> not_held;  ///< the lowest that did not
  std::vector<Wave> rows;          ///< in the order in which they were run
  std::string failure;             ///< of the wave whose child did not end as it should, and ended the search
};

enum class SessionEnd : uint8_t {
  complete,     ///< every wave was run
  interrupted,  ///< a signal came
  broke         ///< a server or the lab's link died: what was measured so far stands, the rest cannot be
};

class Session {
 public:
  /// All of them outlive the session. To be made while the process has one thread: it forks.
  Session(const RunRequest& request, const Plan& plan, const Placement& placement, Recorder& recorder, StopSignal& stop,
          SessionObserver& observer);
  ~Session();

  /// @throws std::system_error when a target cannot be opened, a child cannot be made, or a record cannot be written
  SessionEnd run();

  const std::vector<CaseResult>& results() const noexcept { return results_; }
  /// Of RunRequest::find_rate, whose waves are in no case's results.
  const std::vector<RateResult>& rates() const noexcept { return rates_; }
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// After SessionEnd::broke: who died.
  std::string died() const;
  /// How system calls were counted: "tracepoint", "strace" or "".
  std::string_view syscall_method() const noexcept { return counting_.method; }

 private:
  class Servers;
  void warn(std::string warning);
  void record_connectors();
  size_t most_open_at_once() const;
  SessionEnd count_syscalls();
  SessionEnd timed_waves();
  SessionEnd find_rates();
  void try_rate(RateSearch& search, RateResult& result);
  WaveResult wave(const PlannedCase& planned, SampleBuffer& samples, unsigned repetition, std::string_view counting);
  std::vector<std::span<const Endpoint>> routes(const PlannedCase& planned, const Assignment& assignment) const;
  pid_t server_of(const PlannedCase& planned) const;
  const Target& answering(const PlannedCase& planned) const;
  SessionEnd state();
  bool drops_capabilities() const;
  void warn_about_cases();

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
  unsigned waves_done_ = 0;
};

}  // namespace connbench
