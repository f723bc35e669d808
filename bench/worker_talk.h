// A worker's side of the conversation with the conductor of a cluster.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>

#include "cluster/frame.h"
#include "cluster/wave_json.h"
#include "harness/support/clock.h"

namespace connbench {

class WorkerTalk {
 public:
  /// Takes over stdin and stdout: what the code that is measured prints goes to stderr from now on, and finds nothing
  /// to read. @throws std::system_error
  WorkerTalk();

  void say(const cluster::Json& message);
  /// The same about the current wave: one that comes too late is then not taken for one of the next wave.
  void say_of_wave(cluster::Json message);
  /// Waits for the next order; nullopt = the conductor has gone, or wants no more.
  std::optional<cluster::Json> next();
  /// Reads what has arrived, without waiting.
  void look();
  /// Whether the current wave is to stop.
  bool stop_asked() const noexcept { return stop_ || gone_; }
  /// Drops an earlier request to stop: it concerned the wave, not the report about it.
  void forget_stop() noexcept { stop_ = false; }
  /// When the wave begins; nullopt = not known yet. Gives each instant once.
  std::optional<TimePoint> take_begin() { return std::exchange(begin_, std::nullopt); }
  /// A new wave: earlier wishes are over. @param number as the conductor counts them
  void start_wave(uint64_t number) noexcept {
    stop_ = false;
    begin_.reset();
    wave_ = number;
  }

 private:
  void read_on();

  cluster::FrameStream stream_;
  std::deque<cluster::Json> orders_;
  std::optional<TimePoint> begin_;
  uint64_t wave_ = 0;
  bool stop_ = false, gone_ = false;
};

}  // namespace connbench
