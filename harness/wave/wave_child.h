// The child's side of a wave.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/process/measured_child.h"
#include "harness/wave/wave.h"

namespace connbench {

/// What the child of a wave tells its parent, in shared memory.
struct WaveReport : ChildReport {
  std::atomic<bool> ready{false};      ///< by the child: it waits for begin_ns
  std::atomic<int64_t> begin_ns{0};    ///< by the parent: when the wave begins; 0 = not known yet
  std::atomic<int64_t> started_ns{0};  ///< when the first attempt was offered; 0 = not yet
  /// A thread of each shard that has a descriptor table of its own, 0 = not yet; empty = there are no such shards.
  std::span<std::atomic<pid_t>> tables{};
  Usage usage;
  size_t syscall_names = 0;
  struct {
    char name[32];
    uint64_t calls;
  } syscalls[128]{};
  /// Of a wave whose attempts a program makes:
  std::atomic<pid_t> program{0};  ///< its number in /proc; 0 = it does not run yet
  int64_t clock_error_ns = 0;
  size_t own_word_count = 0;
  struct {
    char word[48];
    uint64_t count;
  } own_words[16]{};

  void keep(const std::vector<SyscallCount>& counts);
};

/// Runs the wave in the process that was forked from `parent` for it, and ends that process. Never throws: failures go
/// to the report.
[[noreturn]] void run_wave_child(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report,
                                 pid_t parent) noexcept;

}  // namespace connbench
