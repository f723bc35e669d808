// A connector in simulated time that gives up at known times.
#pragma once

#include <cstdint>
#include <deque>

#include "tests/harness/connector/fake_connector.h"

namespace connbench {

struct KnownLateness {
  Duration (*of)(
      uint64_t id);  ///< from the deadline of an attempt until it is given up, if only its own timer wakes it
  Duration held{};   ///< from then until the caller has it
  bool any_wake_up_helps = false;  ///< an earlier return of reap() after the deadline gives it up too, as in a loop
};

/// Nothing ever answers. Attempts must have equal timeouts.
class LateConnector final : public Connector {
 public:
  explicit LateConnector(const KnownLateness& known) : known_(known) {}

  Capabilities capabilities() const override { return {}; }

  size_t submit(std::span<const Attempt> attempts) override {
    for (const Attempt& attempt : attempts)
      pending_.push_back({.id = attempt.id, .deadline = simulated + attempt.timeout, .started = simulated});
    return attempts.size();
  }

  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override {
    if (pending_.empty()) return 0;
    const Pending first = pending_.front();
    const TimePoint wake = std::min(wait_until, first.deadline + known_.of(first.id));
    simulated = std::max(simulated, wake);
    if (simulated < first.deadline + (known_.any_wake_up_helps ? Duration::zero() : known_.of(first.id))) return 0;
    pending_.pop_front();
    completions.push_back({.id = first.id,
                           .result = {Outcome::deadline_exceeded, Stage::wait, 0},
                           .started = first.started,
                           .finished = simulated});
    simulated += known_.held;
    return 1;
  }

  void cancel_all() override {}
  size_t in_flight() const override { return pending_.size(); }

 private:
  struct Pending {
    uint64_t id;
    TimePoint deadline;
    TimePoint started;
  };
  KnownLateness known_;
  std::deque<Pending> pending_;
};

}  // namespace connbench
