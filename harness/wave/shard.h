// One thread's part of a wave.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "harness/wave/division.h"
#include "harness/wave/wave.h"

namespace connbench {

/// A runner, a connector and a Retirement, which share nothing with those of other shards: one of several has a
/// descriptor table of its own too, so that RLIMIT_NOFILE bounds each of them, and no descriptor leaves it. To be made,
/// used and destroyed in the thread that it is for.
class Shard {
 public:
  /// Its descriptor table, grown to what it will need, and the discarded first wave.
  /// @throws std::system_error, and what connectors throw
  Shard(const WaveSpec& spec, SampleBuffer& samples, size_t index);

  void make_connector();
  /// Its share of the wave, which has one schedule that begins at `begin`.
  void drive(TimePoint begin, const std::atomic<bool>& stop);

 private:
  void warm_up() const;

  const WaveSpec& spec_;
  const Division division_;
  const size_t concurrency_;
  const std::span<Sample> samples_;
  const std::vector<Endpoint> endpoints_;
  const std::vector<std::span<const Endpoint>> routes_;
  const std::unique_ptr<Pacing> pacing_;
  Retirement retirement_;
  std::unique_ptr<Connector> connector_;
};

}  // namespace connbench
