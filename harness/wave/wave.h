// One wave, one child process: runs the drive loop in a fresh fork and brings back what happened, whatever happens.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/machine/usage.h"
#include "harness/syscalls/syscall_counter.h"
#include "harness/targets/target.h"
#include "harness/wave/case.h"
#include "harness/wave/runner.h"
#include "harness/wave/sample.h"

namespace connbench {

/// Everything a child needs to run one wave.
struct WaveSpec {
  const Case* what = nullptr;
  const NamedConnector* connector = nullptr;
  std::span<const Endpoint> endpoints;
  size_t endpoints_per_attempt = 1;                     ///< as in Drive
  std::span<const std::span<const Endpoint>> routes{};  ///< as in Drive; one an attempt
  std::span<const Endpoint>
      warm_up;  ///< one an attempt: where the discarded first wave goes: somewhere that answers; empty = none
  pid_t server = 0;
  Duration limit{};
  ConnectionPolicy policy{};
  std::function<std::unique_ptr<Pacing>()> pacing{};  ///< the wave's schedule, from its beginning at each call
  Duration gap{};                                     ///< as Drive::gap
  bool spin = false;                                  ///< as Drive::spin
  bool drop_capabilities = false;     ///< the child is to have no rights that its user does not have outside
  std::vector<int> cpus{};            ///< processors of the client; empty = any
  std::string_view syscall_method{};  ///< "": this wave is timed; otherwise it is for counting only
};

/// One finished wave, without its samples.
struct WaveResult {
  Case what;
  unsigned repetition = 0;               ///< from 1
  unsigned wave = 0;                     ///< position in the order of the run, from 1
  int64_t started_ns = 0;                ///< CLOCK_MONOTONIC; just before the first attempt was offered
  Usage usage{};                         ///< over the wave; server and overflows too
  Footprint peak{};                      ///< sampled from outside by the parent: a peak between two samples is not seen
  std::vector<SyscallCount> syscalls{};  ///< only of a counting wave
  std::string failure{};  ///< why the child did not end as it should (signal, exception, hang); empty = it did
};

/// How far a wave is.
struct WaveProgress {
  Duration elapsed{};  ///< since its first attempt was wanted
  size_t started = 0;  ///< attempts that the connector has taken
  size_t done = 0;     ///< of these, those that have ended; with very many, estimated from some thousand of them
};

/// Counted in the samples while the child goes on writing them.
WaveProgress look_at(const SampleBuffer& samples, size_t shards) noexcept;

/// Watches waves from the parent: its signals, its servers, its child.
class WaveParent {
 public:
  virtual ~WaveParent() = default;
  /// Called every few milliseconds while a wave runs. True: end the wave now.
  virtual bool should_stop() = 0;
  /// Whether on_progress() is to be called, and the work for it done.
  virtual bool wants_progress() const { return false; }
  /// Called twice a second while attempts are being made.
  virtual void on_progress(const WaveProgress&) {}
};

/// Runs one wave in a child: in `Case::shards` threads of it, each with its share of the attempts and of the
/// concurrency (harness/wave/division.h says which). `samples`, unused before, is complete afterwards, also when the
/// child was killed: what it had submitted and not finished is `cancelled`, the rest `never_started`.
/// @throws std::system_error when no child can be made
WaveResult run_wave(const WaveSpec& spec, SampleBuffer& samples, WaveParent& parent);

}  // namespace connbench
