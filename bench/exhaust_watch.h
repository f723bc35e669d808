// Watches over a ramp: signals, the processes it needs, and one line of progress on the terminal.
#pragma once

#include <optional>
#include <string>

#include "bench/exhaust_table.h"
#include "harness/process/process_watch.h"

namespace connbench {

/// Writes each reading into the records, too.
class RampWatch final : public RampParent {
 public:
  /// Both outlive it.
  RampWatch(StopSignal& stop, ExhaustionRecorder& recorder);
  ~RampWatch() override { clear(); }

  /// When this process dies, nothing measured afterwards can be trusted; 0 = there is none. @throws std::system_error
  void watch(pid_t pid, std::string name);

  bool should_stop() override { return watch_.should_stop(); }
  void on_step(const RampStep& step) override;

  /// A ramp is about to begin.
  void begin(RampName name);
  /// The first reading of the ramp.
  const std::optional<RampStep>& first() const { return first_; }
  /// The name of the process that has died; "" = none.
  std::string died() { return watch_.died(); }
  /// The signal that came; 0 = none.
  int signal() { return stop_.pending(); }
  /// Removes the progress line, before something else is printed.
  void clear();

 private:
  void show(uint64_t pending);

  StopSignal& stop_;
  ExhaustionRecorder& recorder_;
  ProcessWatch watch_;
  RampName name_{};
  std::optional<RampStep> first_{};
  bool terminal_;
  bool shown_ = false;
};

}  // namespace connbench
