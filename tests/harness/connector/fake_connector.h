// A connector in simulated time, and the clock of that time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <vector>

#include "harness/connector/connector.h"

namespace connbench {

using namespace std::chrono_literals;

/// Advances only in a wait.
inline TimePoint simulated{};
inline TimePoint simulated_now() {
  return simulated;
}
inline void simulated_sleep(TimePoint until) {
  simulated = std::max(simulated, until);
}

struct FakeBehaviour {
  size_t capacity = 1'000;
  Duration service = 1ms;      ///< from the start of an attempt until it is connected
  bool one_at_a_time = false;  ///< attempts queue before they are started
  bool answers = true;
};

/// Takes what it is offered and completes it in simulated time.
class FakeConnector final : public Connector {
 public:
  explicit FakeConnector(const FakeBehaviour& behaviour) : behaviour_(behaviour) {}

  Capabilities capabilities() const override { return {}; }

  size_t submit(std::span<const Attempt> attempts) override {
    size_t taken = 0;
    for (const Attempt& attempt : attempts) {
      if (in_flight_.size() == behaviour_.capacity) break;
      const TimePoint started = behaviour_.one_at_a_time ? std::max(simulated, free_at_) : simulated;
      free_at_ = started + behaviour_.service;
      in_flight_.push_back({.id = attempt.id,
                            .result = {Outcome::connected, Stage::connect, 0},
                            .started = started,
                            .finished = behaviour_.answers ? free_at_ : TimePoint::max()});
      ids.push_back(attempt.id);
      scheduled.push_back(attempt.scheduled);
      ports.push_back(attempt.endpoints.front().port());
      ++taken;
    }
    most_in_flight = std::max(most_in_flight, in_flight_.size());
    ++submits;
    return taken;
  }

  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override {
    if (++reaps > 100'000) throw std::runtime_error("reap() was called again and again without waiting");
    if (in_flight_.empty()) return 0;
    simulated = std::max(simulated, std::min(wait_until, in_flight_.front().finished));
    size_t count = 0;
    while (!in_flight_.empty() && in_flight_.front().finished <= simulated) {
      completions.push_back(in_flight_.front());
      in_flight_.pop_front();
      ++count;
    }
    return count;
  }

  void cancel_all() override {
    ++cancels;
    for (Completion& completion : in_flight_) {
      completion.result = {Outcome::cancelled, Stage::wait, 0};
      completion.finished = simulated;
    }
  }
  size_t in_flight() const override { return in_flight_.size(); }

  std::vector<uint64_t> ids;
  std::vector<TimePoint> scheduled;
  std::vector<uint16_t> ports;
  size_t most_in_flight = 0;
  size_t submits = 0;
  size_t reaps = 0;
  size_t cancels = 0;

 private:
  FakeBehaviour behaviour_;
  TimePoint free_at_{};
  std::deque<Completion> in_flight_;
};

}  // namespace connbench
