// What another process costs, a program that serves as a connector: the counterpart of usage.h.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "harness/machine/usage.h"

namespace connbench {

/// A process and its number in /proc, which is another one where /proc belongs to another PID namespace.
struct ObservedProcess {
  pid_t pid;
  pid_t in_proc;
};

/// One reading of another process, which should be waiting.
struct ProcessUsage {
  Usage usage{};  ///< CPU time in user and kernel mode is in ticks; the memory is that since its exec, runtime included
  int64_t of_ended_threads_ns = -1;  ///< CPU time of threads that have ended
};

/// Reads the usage of `process` and of `server` (0 = none), before and after what is measured.
ProcessUsage read_process_usage(ObservedProcess process, pid_t server) noexcept;

/// As operator- of usage.h. Context switches are -1 when threads have ended meanwhile: the kernel keeps theirs where
/// only the parent sees them, and only at the end of the process.
Usage operator-(const ProcessUsage& after, const ProcessUsage& before) noexcept;

}  // namespace connbench
