// What goes on inside a wave: the child's side of it.
#pragma once

#include <atomic>
#include <cstdint>

#include "harness/wave/wave.h"

namespace connbench {

/// What the child tells its parent, in memory that both see.
struct WaveReport {
  std::atomic<bool> stop{false};       ///< by the parent: end the wave as if its limit had passed
  std::atomic<int64_t> started_ns{0};  ///< when the first attempt was offered; 0 = not yet
  std::atomic<bool> finished{false};   ///< the wave is over, and all of it was measured
  /// A thread of each shard that has a descriptor table of its own, 0 = not yet; empty = there are no such shards.
  std::span<std::atomic<pid_t>> tables{};
  Usage usage;
  char error[512]{};  ///< why it could not be finished
  size_t syscall_names = 0;
  struct {
    char name[32];
    uint64_t calls;
  } syscalls[128]{};
};

/// Runs the wave and ends the process, which was forked from `parent` for nothing else. Never throws: what went wrong
/// is in the report.
[[noreturn]] void run_wave_child(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report, pid_t parent);

}  // namespace connbench
