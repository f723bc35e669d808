// What other programs, a hypervisor and a quota took from a measurement: whether the machine was fit to measure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/machine/processors.h"
#include "harness/support/clock.h"

namespace connbench {

/// How often a quota of the process's cgroups has stopped it, and for how long; -1 when the kernel does not say.
struct Throttling {
  int64_t times = -1;
  int64_t total_ns = -1;
};
Throttling read_throttling();

/// Threads of other programs that are ready to run at this moment, on the whole machine; nullopt when /proc does not
/// say.
/// @param own threads of this program, besides the calling one, that never sleep
std::optional<double> ready_threads_of_others(size_t own = 0);

/// Processors of this machine, whether or not this process may use them: what the machine's load is compared with.
size_t processors_of_machine();

/// A share of the processors' time above which steal is said: a p99 depends on one attempt in a hundred.
inline constexpr double notable_steal = 0.01;

/// What was taken between two moments.
struct Interference {
  size_t processors = 0;
  std::optional<double> ready{};        ///< of other programs: threads ready to run, the mean of all looks
  std::optional<double> steal_share{};  ///< of the processors' time; nullopt also when the time was too short to say
  std::optional<CpuQuota> quota{};
  Throttling throttling{};  ///< meanwhile

  /// Whether others left no processor for one more thread, such as a client.
  bool overloaded() const noexcept;
};

/// Begins when it is made.
class InterferenceWatch {
 public:
  InterferenceWatch();
  /// Counts the threads of others for 10 ms. Call it while nothing of this program runs, apart from `own` threads that
  /// never sleep.
  void look(size_t own = 0);
  /// What was taken until now.
  Interference seen() const;

 private:
  TimePoint begun_ = now();
  int64_t steal_before_;
  Throttling throttling_before_;
  double ready_sum_ = 0;
  size_t looks_ = 0;
};

/// Why the machine was not fit to measure, each in words, with what to do; empty when it was.
std::vector<std::string> why_unfit(const Interference& seen);

}  // namespace connbench
