// Watches over a ramp: signals, the processes it needs, and the line of progress.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/exhaust_table.h"
#include "bench/progress_line.h"
#include "harness/process/process_watch.h"
#include "harness/process/suspension_watch.h"

namespace connbench {

/// Writes each reading into the records, too.
class RampWatch final : public RampParent {
 public:
  /// Both outlive it.
  RampWatch(StopSignal& stop, ExhaustionRecorder& recorder, ProgressLine::Wanted progress);

  /// What the progress begins from: how many ramps there are, and about how long one takes.
  void expect(size_t ramps, Duration each);

  /// When this process dies, nothing measured afterwards can be trusted; 0 = there is none. @throws std::system_error
  void watch(pid_t pid, std::string name);

  bool should_stop() override { return watch_.should_stop(); }
  Duration suspended() override {
    suspensions_.look();
    return suspensions_.stopped();
  }
  void on_step(const RampStep& step) override;

  /// A ramp is about to begin.
  void begin(RampName name);
  /// The first reading of the ramp.
  const std::optional<RampStep>& first() const { return first_; }
  /// What was seen since the last call.
  Suspension take_suspension() { return suspensions_.take(); }
  /// The name of the process that has died; "" = none.
  std::string died() { return watch_.died(); }
  /// The signal that came; 0 = none.
  int signal() { return stop_.pending(); }
  /// Removes the progress line, before something else is printed.
  void clear() { line_.clear(); }

 private:
  void show(uint64_t pending);

  StopSignal& stop_;
  ExhaustionRecorder& recorder_;
  ProcessWatch watch_;
  SuspensionWatch suspensions_;
  RampName name_{};
  std::optional<RampStep> first_{};
  ProgressLine line_;
  TimeLeft time_;
  size_t ramps_ = 0;
  size_t begun_ = 0;
  Duration each_{};
};

}  // namespace connbench
