// One line on the terminal that says where a long run is. Nothing when stderr is no terminal.
#pragma once

#include <string>

#include "harness/session.h"

namespace connbench {

class Progress final : public SessionObserver {
 public:
  Progress();
  ~Progress() override { clear(); }
  void on_wave(const PlannedCase& planned, unsigned repetition, bool counting, size_t done, size_t total) override;
  /// Takes the line away, before something else is printed.
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  TimePoint begun_ = now();
};

}  // namespace connbench
