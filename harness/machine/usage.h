// What a wave costs: CPU time, context switches, memory, threads and descriptors, as the kernel counts them.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <span>

namespace connbench {

/// One reading. Counters are totals. A field that could not be read is -1.
struct Usage {
  int64_t cpu_ns = -1;       ///< process clock, to the nanosecond, and of children that have ended, to the microsecond.
                             ///< Whether it contains softirqs depends on the kernel (cpu_accounting.h)
  int64_t cpu_user_ns = -1;  ///< getrusage: the split is sampled at the tick
  int64_t cpu_sys_ns = -1;
  int64_t softirq_ns = -1;  ///< of the whole machine; /proc/stat counts in ticks
  int64_t steal_ns = -1;
  int64_t server_cpu_ns = -1;
  int64_t listen_overflows = -1;  ///< TcpExt ListenOverflows of this network namespace
  int64_t voluntary_switches = -1;
  int64_t involuntary_switches = -1;
  int64_t rss_peak_kib = -1;       ///< VmHWM
  int64_t client_softirq_ns = -1;  ///< softirq_ns of the processors to which this process is confined; -1 also when it
                                   ///< may run on all of them
};

/// Read this process's usage and the CPU time of `server` (0 = none), before and after what is measured. The clocks
/// are read nearest to it, so that reading does not count itself.
Usage read_usage_before(pid_t server) noexcept;
Usage read_usage_after(pid_t server) noexcept;

/// `after` − `before` for counters; the peak is that of `after`. A field that either lacks stays -1.
Usage operator-(const Usage& after, const Usage& before) noexcept;

/// Threads, descriptors and child processes that another process has now; -1 when it is gone. Counts the descriptor
/// table and the children of its first thread and of `others`: threads with a table of their own (0 = no such thread
/// yet).
struct Footprint {
  int64_t threads = -1;
  int64_t fds = -1;
  int64_t children = -1;
};
Footprint read_footprint(pid_t pid, std::span<const std::atomic<pid_t>> others = {}) noexcept;

}  // namespace connbench
