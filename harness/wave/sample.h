// What is kept of one attempt while a wave runs: plain data in memory shared by the wave's child and the parent.
#pragma once

#include <cstdint>
#include <span>

#include "harness/connector/connector.h"

namespace connbench {

/// Times are CLOCK_MONOTONIC nanoseconds, 0 = did not happen. 48 bytes, because a million may be pending.
struct Sample {
  enum class State : uint8_t { offered, submitted, done };

  int64_t scheduled_ns;
  int64_t started_ns;
  int64_t finished_ns;
  int64_t reaped_ns;
  int64_t round_trip_ns;  ///< TCP_INFO; meaningful only with `handshake_known`
  int32_t os_error;
  Outcome outcome;
  Stage stage;
  State state;
  uint8_t syn_retransmits : 7;
  uint8_t handshake_known : 1;
};
static_assert(sizeof(Sample) == 48);

/// Anonymous shared memory for the samples of one wave: the child writes, the parent reads, and what a killed child had
/// written is still there.
class SampleBuffer {
 public:
  /// @throws std::system_error (mmap)
  explicit SampleBuffer(size_t attempts);
  ~SampleBuffer();
  SampleBuffer(const SampleBuffer&) = delete;
  SampleBuffer& operator=(const SampleBuffer&) = delete;

  std::span<Sample> samples() noexcept { return {samples_, attempts_}; }
  std::span<const Sample> samples() const noexcept { return {samples_, attempts_}; }
  /// Touches every page, so that no page fault falls into the wave.
  void populate() noexcept;

 private:
  size_t attempts_;
  Sample* samples_;
};

}  // namespace connbench
