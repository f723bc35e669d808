// What is kept of one attempt while a wave runs: plain data in memory shared by the wave's child and the parent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "harness/connector/connector.h"
#include "harness/connector/outcome.h"
#include "harness/process/shared.h"

namespace connbench {

/// Times are CLOCK_MONOTONIC nanoseconds; 0 = did not happen. Kept to 48 bytes, because a million may be pending.
struct Sample {
  enum class State : uint8_t { offered, submitted, done };

  int64_t scheduled_ns;
  int64_t started_ns;
  int64_t finished_ns;
  int64_t reaped_ns;
  int64_t round_trip_ns;  ///< TCP_INFO; valid only with `handshake_known`
  int16_t os_error;       ///< an errno: at most 4095
  uint16_t local_port;    ///< 0 = not asked for, or it has none
  Outcome outcome;
  Stage stage : 4;
  Protocol protocol : 4;
  State state;
  uint8_t syn_retransmits : 7;
  uint8_t handshake_known : 1;
};
static_assert(sizeof(Sample) == 48);

/// The samples of one wave in shared memory: the child writes them, and the parent can read them even after the child
/// was killed.
class SampleBuffer {
 public:
  /// @throws std::system_error (mmap)
  explicit SampleBuffer(size_t attempts) : samples_(attempts) {}

  std::span<Sample> samples() noexcept { return samples_.values(); }
  std::span<const Sample> samples() const noexcept { return samples_.values(); }
  /// Touches every page, so that no page fault happens during the wave.
  void populate() noexcept;
  /// The same for the pages of some samples only.
  void populate(size_t first, size_t count) noexcept;

 private:
  SharedArray<Sample> samples_;
};

}  // namespace connbench
