// One thread's part of a wave.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "harness/wave/division.h"
#include "harness/wave/wave.h"

namespace connbench {

/// A runner, a connector and a Retirement, none of them shared with other shards. One shard of several also has its own
/// descriptor table, so that RLIMIT_NOFILE bounds each of them separately; no descriptor leaves that table. Make, use
/// and destroy a shard in its own thread.
class Shard {
 public:
  /// Grows the descriptor table to what the shard will need, and runs the discarded first wave.
  /// @throws std::system_error, and what connectors throw
  Shard(const WaveSpec& spec, SampleBuffer& samples, size_t index);

  void make_connector();
  /// Runs this shard's share of the wave. All shards follow one schedule, which begins at `begin`.
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
