#include "harness/exhaust/healthy.h"

#include <algorithm>

namespace connbench {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t first_id = uint64_t{1} << 40;  // dead attempts are numbered from 0
constexpr Duration timeout = std::chrono::seconds(1);
constexpr Duration between_tries = milliseconds(1);
constexpr Duration looking_up = milliseconds(100);  // how often a wait checks for a request to stop
constexpr TimePoint at_once{};

}  // namespace

HealthyAttempts::HealthyAttempts(const RampPlan& plan, Reap reap) : plan_(plan), reap_(std::move(reap)), id_(first_id) {
  latencies_.reserve(plan.healthy_attempts);
}

bool HealthyAttempts::asked() const noexcept {
  return plan_.stop != nullptr && plan_.stop->load(std::memory_order_relaxed);
}

bool HealthyAttempts::take(const Completion& completion) {
  if (completion.id < first_id) return false;
  if (completion.id == id_) {  // others belong to a previous connector
    waits_ = false;
    connected_ = completion.result.outcome == Outcome::connected;
    finished_ = completion.finished;
  }
  return true;
}

bool HealthyAttempts::offer(Connector& connector) {
  offered_ = plan_.clock();
  const Attempt attempt{.id = ++id_,
                        .endpoints = plan_.healthy.subspan(id_ % plan_.healthy.size(), 1),
                        .scheduled = offered_,
                        .timeout = timeout};
  ++tried_;
  waits_ = connector.submit({&attempt, 1}) == 1;
  return waits_;
}

bool HealthyAttempts::one(Connector& connector, TimePoint until) {
  connected_ = false;
  if (!waits_ && !offer(connector)) {
    reap_(at_once);  // frees room for the next try
    return false;
  }
  while (waits_ && !asked() && plan_.clock() < until) reap_(std::min(until, plan_.clock() + looking_up));
  return connected_;
}

void HealthyAttempts::run(Connector& connector, size_t wanted, TimePoint until) {
  tried_ = waits_ ? 1 : 0;
  latencies_.clear();
  while (latencies_.size() < wanted && !asked() && plan_.clock() < until) {
    if (one(connector, until)) {
      if (latencies_.empty()) first_through_ = finished_;
      latencies_.push_back((finished_ - offered_).count());
    } else if (!waits_) {
      const TimePoint next = std::min(until, plan_.clock() + between_tries);
      connector.in_flight() == 0 ? plan_.sleep(next) : reap_(next);
    }
  }
}

}  // namespace connbench
