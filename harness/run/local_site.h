// This machine as the place where waves are run: its targets, their servers, and the children that connect to them.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/machine/interference.h"
#include "harness/process/process_watch.h"
#include "harness/process/stop_signal.h"
#include "harness/process/suspension_watch.h"
#include "harness/run/plan.h"
#include "harness/run/site.h"
#include "harness/targets/target.h"
#include "harness/wave/share.h"
#include "harness/wave/wave.h"

namespace connbench {

/// Which processors each side runs on; empty = any.
struct Placement {
  std::vector<int> client;
  std::vector<int> server;
  std::vector<int> link;  ///< of the lab
};

class LocalSite : public Site, public WaveParent {
 public:
  /// All arguments must outlive the site. Make it while the process has one thread, because it forks.
  LocalSite(const RunRequest& request, const Plan& plan, const Placement& placement, StopSignal& stop,
            SessionObserver& observer);

  size_t open(const PlannedCase& planned) override;
  SyscallCounting counting() override;
  WaveResult wave(const PlannedCase& planned, SampleBuffer& samples, unsigned repetition,
                  std::string_view counting) override;
  SessionEnd state() override;
  std::string died() override;
  void look_at_others() override;
  MachineFitness fitness() override;
  Suspension take_suspension() override { return suspensions_.take(); }

  bool should_stop() override { return watch_.should_stop(); }
  bool wants_progress() const override { return observer_.wants_progress(); }
  void on_progress(const WaveProgress& progress) override { observer_.on_progress(progress); }
  Duration suspended() override;

 protected:
  /// The part of every wave that is run here; all of it unless a cluster divides it.
  void take_share(const WaveShare& share) { share_ = share; }

 private:
  const Target& open(const NamedTarget& named, const TargetRequest& request);
  const Target& get(const std::string& name, Family family) const { return *open_.at({name, family}); }
  std::vector<std::span<const Endpoint>> routes(const PlannedCase& planned, const Assignment& assignment) const;
  pid_t server_of(const PlannedCase& planned) const;
  const Target& warm_up_target(const PlannedCase& planned) const;
  bool drops_capabilities() const;

  const RunRequest& request_;
  const Plan& plan_;
  const Placement& placement_;
  StopSignal& stop_;
  SessionObserver& observer_;
  std::map<std::pair<std::string, Family>, std::unique_ptr<Target>> open_;
  ProcessWatch watch_;
  SuspensionWatch suspensions_;
  InterferenceWatch interference_;
  WaveShare share_{};
};

}  // namespace connbench
