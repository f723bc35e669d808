// What a wave costs: CPU, switches, memory, threads and descriptors, read from the kernel around it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <span>

namespace connbench {

/// One reading. Counters are totals; a field that could not be read is -1.
struct Usage {
  int64_t cpu_ns = -1;       ///< process clock: exact
  int64_t cpu_user_ns = -1;  ///< getrusage: the split is sampled at the tick
  int64_t cpu_sys_ns = -1;
  int64_t softirq_ns = -1;  ///< of the whole machine, in ticks of /proc/stat
  int64_t steal_ns = -1;
  int64_t server_cpu_ns = -1;
  int64_t listen_overflows = -1;  ///< TcpExt ListenOverflows of this network namespace
  int64_t voluntary_switches = -1;
  int64_t involuntary_switches = -1;
  int64_t rss_peak_kib = -1;  ///< VmHWM
};

/// Reads this process's usage, and the CPU time of `server` (0 = none). The cheap and exact readings come last when
/// `before` is true and first otherwise, so that the reading itself stays out of the difference.
Usage read_usage(pid_t server, bool before) noexcept;

/// `after` − `before` for counters; peaks are taken from `after`. What either lacks stays -1.
Usage operator-(const Usage& after, const Usage& before) noexcept;

/// Threads and descriptors of another process, now; -1 when it is gone. Descriptors are those of its first thread's
/// table, and of the tables of `others`: threads that have one of their own (0 = none yet).
struct Footprint {
  int64_t threads = -1;
  int64_t fds = -1;
};
Footprint read_footprint(pid_t pid, std::span<const std::atomic<pid_t>> others = {}) noexcept;

}  // namespace connbench
