// One wave, one child process: runs the drive loop in a fresh fork and reports what happened, however the child ends.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/machine/usage.h"
#include "harness/syscalls/syscall_counter.h"
#include "harness/wave/case.h"
#include "harness/wave/runner.h"
#include "harness/wave/sample.h"

namespace connbench {

/// Everything that a child needs to run one wave.
struct WaveSpec {
  const Case* what = nullptr;
  const NamedConnector* connector = nullptr;
  Load load{};
  std::span<const Endpoint> warm_up{};  ///< where the discarded first wave goes, one per attempt: to a host that
                                        ///< answers. Empty = no such wave
  pid_t server = 0;                     ///< whose CPU time is read; 0 = none
  ConnectionPolicy policy{};
  std::function<std::unique_ptr<Pacing>()> pacing{};  ///< each call gives the wave's schedule, from its beginning
  bool agreed_begin = false;                          ///< the wave begins when WaveParent::agreed_begin() says
  bool drop_capabilities = false;     ///< the child gets no rights that its user does not have outside a user namespace
  std::vector<int> cpus{};            ///< processors of the client; empty = any
  std::string_view syscall_method{};  ///< "" = a timed wave; otherwise one that only counts system calls
  Footprint (*footprint)(pid_t, std::span<const std::atomic<pid_t>>) = &read_footprint;  ///< replaced in tests
};

/// What is known of a wave whose attempts a program made, besides what is known of every wave.
struct ProgramWaveFacts {
  int64_t clock_error_ns = 0;  ///< the bound of the error of its clock against CLOCK_MONOTONIC
  std::vector<std::pair<std::string, uint64_t>> own_words{};  ///< its runtime's words for errors without an errno
};

/// One host's part of a wave that a cluster has divided.
struct HostPart {
  unsigned rank = 0;
  int64_t started_ns = 0;  ///< as WaveResult::started_ns, on the clock of the records
  Usage usage{};
  Footprint peak{};
  std::string failure{};  ///< "" = this part was measured in full
};

/// One finished wave, without its samples.
struct WaveResult {
  Case what;
  unsigned repetition = 0;               ///< from 1
  unsigned wave = 0;                     ///< position in the order of the run, from 1
  int64_t started_ns = 0;                ///< CLOCK_MONOTONIC, just before the first attempt was offered
  Usage usage{};                         ///< over the wave, including the server's CPU time and the overflows
  Footprint peak{};                      ///< sampled by the parent: a peak between two samples is missed
  std::vector<SyscallCount> syscalls{};  ///< only of a counting wave
  std::string failure{};                 ///< why the child did not finish (signal, exception, hang); "" = it finished
  /// Of a wave that was stopped, or that had a given time: how many attempts each shard had offered. The samples of the
  /// others were not touched. Empty = every sample is complete.
  std::vector<size_t> offered{};
  bool by_time = false;  ///< Load::lasts was given: those others were never wanted. Otherwise they are never_started
  std::optional<ProgramWaveFacts> program{};
  std::vector<HostPart> hosts{};  ///< of a cluster: part i made every attempt n with n mod size() = i; else empty
};

/// How far a wave has come.
struct WaveProgress {
  Duration elapsed{};  ///< since its first attempt was wanted
  size_t started = 0;  ///< attempts that the connector has taken
  size_t done = 0;     ///< of these, how many have ended; in large waves an estimate from some thousand of them
};

/// Reads the progress from the samples while the child goes on writing them.
WaveProgress look_at(const SampleBuffer& samples, size_t shards) noexcept;

/// What a wave asks and tells the code that runs it.
class WaveParent {
 public:
  virtual ~WaveParent() = default;
  /// Called every few milliseconds while a wave runs. True: end the wave now.
  virtual bool should_stop() = 0;
  /// Whether to call on_progress(), and to do the work for it.
  virtual bool wants_progress() const { return false; }
  /// With WaveSpec::agreed_begin: the child is ready to begin. Called once.
  virtual void on_ready() {}
  /// Asked every few milliseconds from then on, until it gives the instant. A child that cannot begin then fails.
  virtual std::optional<TimePoint> agreed_begin() { return std::nullopt; }
  /// For how long the run has been suspended so far. A wave gets this time in addition to its limit.
  virtual Duration suspended() { return {}; }
  /// Called twice a second while attempts are being made.
  virtual void on_progress(const WaveProgress&) {}
};

/// Runs one wave in a child, in `Case::shards` threads. Each has its share of the attempts and of the concurrency, as
/// harness/wave/division.h divides them. `samples` must be unused. It is complete afterwards, even if the child was
/// killed: attempts that were submitted and had not ended are `cancelled`, the rest `never_started`. If `parent` asked
/// for the end, it is complete as far as WaveResult::offered says, so that the end takes no time per attempt.
/// @throws std::system_error when no child can be made
WaveResult run_wave(const WaveSpec& spec, SampleBuffer& samples, WaveParent& parent);

}  // namespace connbench
