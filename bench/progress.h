// The progress of `connbench run`: which wave of how many, how long the whole run still takes, what is measured now.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/progress_line.h"
#include "harness/run/session.h"

namespace connbench {

class Progress final : public SessionObserver {
 public:
  /// `plan` outlives it.
  Progress(const Plan& plan, ProgressLine::Wanted wanted);
  void on_wave(const PlannedCase& planned, unsigned repetition, WavePurpose purpose, size_t done,
               size_t total) override;
  /// While nothing would be written, nobody looks at the samples of the wave.
  bool wants_progress() const override { return line_.due(); }
  void on_progress(const WaveProgress& progress) override;
  /// Removes the line before something else is printed.
  void clear() { line_.clear(); }

 private:
  std::string head(Duration left) const;

  ProgressLine line_;
  const Plan& plan_;
  std::string place_;             // "wave 3 of 40"
  std::string wave_;              // what is measured
  TimeLeft time_;                 // of the timed waves, or of those that count system calls
  Duration rest_{};               // expected of the waves of this kind that have not begun
  Duration later_{};              // expected of the timed waves, while system calls are counted
  std::optional<bool> counting_;  // in which of the two the run is
  const PlannedCase* planned_ = nullptr;
  std::optional<Duration> all_begun_;  // when the last attempt of the wave had begun at the earliest
  Duration last_look_{};               // at the wave
};

/// How long a wave of `what` still takes, from what is seen of it; nullopt = nothing can be said yet. Hosts that answer
/// go on at their rate; where none does, the last attempt ends with its timeout.
/// @param all_begun after how long the last attempt had begun, if it has
std::optional<Duration> wave_left(const Case& what, bool answers, const WaveProgress& progress,
                                  std::optional<Duration> all_begun);
/// The same for a wave whose attempts begin for a given time.
Duration wave_left_of(Duration lasts, const WaveProgress& progress);

/// ", 400/1,000 begun at 200/s, 0 done" and shorter ones, the longest first.
std::vector<std::string> wave_details(const Case& what, const WaveProgress& progress);
/// ", 400 begun at 200/s, 0 done": nobody knows yet how many there will be.
std::vector<std::string> wave_details_by_time(const WaveProgress& progress);

}  // namespace connbench
