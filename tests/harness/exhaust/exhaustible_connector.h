// A connector in simulated time with a limited resource.
#pragma once

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <vector>

#include "tests/harness/connector/fake_connector.h"

namespace connbench {

inline constexpr uint16_t dead_port = 9;
inline constexpr uint16_t healthy_port = 80;

struct Exhaustible {
  enum class At : uint8_t { ends, is_full, queues, throws };
  size_t room = 10;  ///< number of attempts it has resources for
  At then =
      At::ends;  ///< the fate of the next one: it ends as `exhausted`, is not accepted, waits, or throws bad_alloc
  bool deadline = true;  ///< dead attempts obey their timeout
  Outcome dead_end = Outcome::deadline_exceeded;
  Duration dead_end_after = Duration::max();  ///< unless their timeout is earlier
};

/// Attempts at healthy_port take a millisecond; those at dead_port last until their deadline, if they obey one.
class ExhaustibleConnector final : public Connector {
 public:
  explicit ExhaustibleConnector(const Exhaustible& behaviour) : behaviour_(behaviour) { ++made; }
  ~ExhaustibleConnector() override { --made; }

  Capabilities capabilities() const override { return {.threads = Capabilities::Threads::per_attempt}; }

  size_t submit(std::span<const Attempt> attempts) override {
    const Attempt& attempt = attempts.front();
    if (cancelled_) throw std::logic_error("submitted after cancel_all()");
    if (busy() >= behaviour_.room) {
      if (behaviour_.then == Exhaustible::At::is_full) return 0;
      if (behaviour_.then == Exhaustible::At::throws) throw std::bad_alloc();
    }
    pending_.push_back({attempt, TimePoint::max(), {}});
    give_room();
    if (behaviour_.then == Exhaustible::At::ends && !pending_.back().begun) {
      pending_.back().ends = simulated;
      pending_.back().result = {Outcome::exhausted, Stage::spawn, EAGAIN};
    }
    return 1;
  }

  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override {
    if (pending_.empty()) return 0;
    const TimePoint first = std::ranges::min(pending_, {}, &Pending::ends).ends;
    simulated = std::max(simulated, std::min(first, wait_until));
    const size_t before = completions.size();
    for (const Pending& one : pending_)
      if (one.ends <= simulated)
        completions.push_back({.id = one.attempt.id, .result = one.result, .started = one.ends, .finished = one.ends});
    std::erase_if(pending_, [](const Pending& one) { return one.ends <= simulated; });
    give_room();
    return completions.size() - before;
  }

  void cancel_all() override {
    cancelled_ = true;
    for (Pending& one : pending_) {
      one.ends = simulated;
      one.result = {Outcome::cancelled, Stage::wait, 0};
    }
  }
  size_t in_flight() const override { return pending_.size(); }

  static inline int made = 0;  ///< how many exist

 private:
  struct Pending {
    Attempt attempt;
    TimePoint ends;
    ConnectResult result;
    bool begun = false;
  };

  size_t busy() const { return static_cast<size_t>(std::ranges::count(pending_, true, &Pending::begun)); }

  void give_room() {
    for (Pending& one : pending_) {
      if (one.begun || one.ends != TimePoint::max()) continue;
      if (busy() >= behaviour_.room) return;
      one.begun = true;
      if (one.attempt.endpoints.front().port() == healthy_port) {
        one.ends = simulated + 1ms;
        one.result = {Outcome::connected, Stage::connect, 0};
      } else if (behaviour_.dead_end_after < one.attempt.timeout) {
        one.ends = simulated + behaviour_.dead_end_after;
        one.result = {behaviour_.dead_end, Stage::connect, ECONNREFUSED};
      } else if (behaviour_.deadline) {
        one.ends = simulated + one.attempt.timeout;
        one.result = {Outcome::deadline_exceeded, Stage::wait, 0};
      }
    }
  }

  Exhaustible behaviour_;
  std::vector<Pending> pending_;
  bool cancelled_ = false;
};

}  // namespace connbench
