// The hosts of a cluster as the place where waves are run: each host makes its share of every wave.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/job.h"
#include "cluster/kept_wave.h"
#include "harness/process/stop_signal.h"
#include "harness/run/plan.h"
#include "harness/run/site.h"

namespace connbench::cluster {

/// Of a run whose samples stay on the hosts.
struct SamplesOnHosts {
  uint64_t seed = 0;
  std::vector<double> quantiles{};   ///< that a row has
  std::vector<std::string> files{};  ///< of each client; empty = no rows are wanted
};

/// Who makes which part of what.
struct WorkSharing {
  std::vector<int32_t> clients;  ///< the ranks that connect, in the order of their shares
  std::vector<int32_t> servers;  ///< the ranks that serve targets for them
  const Plan* plan;
  std::vector<size_t> numbers;  ///< of each case of the plan, among all that were asked for: so the clients know it
  std::optional<SamplesOnHosts> kept{};  ///< nullopt = samples are brought here
};

class ClusterSite final : public Site {
 public:
  /// What is referred to must outlive the site. @param describe receives what is new about the cluster, for run.json
  ClusterSite(Job& job, WorkSharing sharing, StopSignal& stop, std::function<void(Json)> describe);

  /// Tells every client to open its targets.
  size_t open(const PlannedCase& planned) override;
  SyscallCounting counting() override;
  WaveResult wave(const PlannedCase& planned, SampleBuffer& samples, unsigned repetition,
                  std::string_view counting) override;
  size_t samples_of(const PlannedCase& planned) const override { return sharing_.kept ? 0 : planned.what.attempts; }
  DistantWave* distant_wave() override { return kept_wave_.get(); }
  /// Waits until the disks of the hosts have their samples.
  void finish_records() override;
  SessionEnd state() override;
  std::string died() override;
  /// Each host does so when it is about to make its part of a timed wave.
  void look_at_others() override {}
  /// Of all hosts together.
  MachineFitness fitness() override;
  Suspension take_suspension() override { return {}; }
  /// Ends the job.
  void end() override;

  /// The key `cluster` of run.json.
  Json description() const;

 private:
  struct Part;
  size_t number_of(const PlannedCase& planned) const;
  bool still_to_come(const std::vector<Part>& parts, bool Part::*what) const;
  void await_ready(std::vector<Part>& parts, SampleBuffer& samples);
  void await_results(std::vector<Part>& parts, SampleBuffer& samples, Duration longest);
  void take(std::vector<Part>& parts, SampleBuffer& samples, int32_t rank, const Json& message);
  void stop_parts();
  void say_why_not(std::vector<Part>& parts) const;
  void gather(std::vector<Part>& parts, const PlannedCase& planned, unsigned repetition);
  Usage usage_of_servers();
  WaveResult joined(const PlannedCase& planned, std::vector<Part>& parts, SampleBuffer& samples) const;
  void keep_clocks(std::vector<Part>& parts, const std::vector<ClockReading>& before,
                   const std::vector<ClockReading>& after);

  Job& job_;
  WorkSharing sharing_;
  StopSignal& stop_;
  std::function<void(Json)> describe_;
  uint64_t wave_ = 0;                            // the number of the last wave
  std::vector<Json> clocks_;                     // of each client, one entry per wave
  std::map<int32_t, MachineFitness> fitness_{};  // of each rank, as it said last
  Json launcher_{};                              // how it ended; null = it has not
  std::unique_ptr<KeptWave> kept_wave_{};        // the last timed wave whose samples stayed on the hosts
  std::string unfinished_{};                     // why the samples on the hosts are not complete
};

}  // namespace connbench::cluster
