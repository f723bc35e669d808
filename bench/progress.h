// One line on the terminal that says where a long run is. Nothing when stderr is no terminal.
#pragma once

#include <optional>
#include <string>

#include "harness/run/session.h"

namespace connbench {

class Progress final : public SessionObserver {
 public:
  Progress();
  ~Progress() override { clear(); }
  void on_wave(const PlannedCase& planned, unsigned repetition, WavePurpose purpose, size_t done,
               size_t total) override;
  bool wants_progress() const override { return terminal_; }
  void on_progress(const WaveProgress& progress) override;
  /// Takes the line away, before something else is printed.
  void clear();

 private:
  void show(std::string_view line);

  bool terminal_;
  bool shown_ = false;
  TimePoint begun_ = now();
  std::string place_;  // of the wave that goes on, in the run
  std::string wave_;   // what it is
  const PlannedCase* planned_ = nullptr;
  std::optional<Duration> all_begun_;  // when its last attempt was seen to have begun
};

/// "120000/500000 begun at 40000/s, 0 done, about 33 s left": of a wave of `what`, whose target `answers`, or else
/// keeps each attempt until its timeout. `all_begun`: after how long that was so, if it is.
std::string progress_line(const Case& what, bool answers, const WaveProgress& progress,
                          std::optional<Duration> all_begun);

}  // namespace connbench
