// Where the waves of a session are run: on this machine, or on the hosts of a cluster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/machine/interference.h"
#include "harness/process/suspension_watch.h"
#include "harness/run/plan.h"
#include "harness/syscalls/syscall_counter.h"
#include "harness/wave/sample.h"
#include "harness/wave/wave.h"

namespace connbench {

class DistantWave;

/// What a wave is run for.
enum class WavePurpose : uint8_t {
  timing,            ///< to be measured
  counting_syscalls  ///< to count system calls; not timed
};

/// Receives the progress of a session.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  /// A wave is about to begin. `done` of `total` waves are over; in a search for a rate, `total` is an estimate.
  /// @param repetition from 1; 0 of a counting wave
  virtual void on_wave(const PlannedCase& planned, unsigned repetition, WavePurpose purpose, size_t done,
                       size_t total) = 0;
  /// Whether on_progress() is to be called.
  virtual bool wants_progress() const { return false; }
  /// Called twice a second during the wave of the last on_wave().
  virtual void on_progress(const WaveProgress&) {}
};

enum class SessionEnd : uint8_t {
  complete,     ///< every wave was run
  interrupted,  ///< a signal asked for an end
  broke         ///< a server, the lab's link or a host died: the results so far are valid, the rest cannot be measured
};

/// Whether the machines of a site were fit to measure.
struct MachineFitness {
  Interference seen;
  std::vector<std::string> unfit{};  ///< why they were not, in words
};

class Site {
 public:
  virtual ~Site() = default;
  /// Opens what a case of the plan connects to. @return how many destinations that is
  /// @throws std::system_error when it cannot be opened
  virtual size_t open(const PlannedCase& planned) = 0;
  /// How system calls can be counted here.
  virtual SyscallCounting counting() = 0;
  /// Runs one wave of a case that was opened; it may have another rate and other attempts than the plan says.
  /// `samples` has as many as samples_of() says.
  /// @param counting "" = a timed wave; otherwise the method by which it only counts
  /// @throws std::system_error when it cannot be begun
  virtual WaveResult wave(const PlannedCase& planned, SampleBuffer& samples, unsigned repetition,
                          std::string_view counting) = 0;
  /// How many samples wave() fills in: one per attempt, unless they stay where they are made.
  virtual size_t samples_of(const PlannedCase& planned) const { return planned.what.attempts; }
  /// The last timed wave() if its samples stay where they were made, until the next one; else nullptr.
  virtual DistantWave* distant_wave() { return nullptr; }
  /// All waves were run: what is recorded elsewhere must be in its place and on the disk. If it is not, state() says
  /// so.
  virtual void finish_records() {}
  /// How things stand: whether the session goes on.
  virtual SessionEnd state() = 0;
  /// After SessionEnd::broke: what died.
  virtual std::string died() = 0;
  /// The session is over.
  virtual void end() {}
  /// A timed wave is about to begin: sees what other programs do meanwhile.
  virtual void look_at_others() = 0;
  /// What was taken from the measurement since the site was made.
  virtual MachineFitness fitness() = 0;
  /// The suspensions that were seen since the last call.
  virtual Suspension take_suspension() = 0;
};

}  // namespace connbench
