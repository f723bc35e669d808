#include "harness/exhaust/ramp.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "harness/exhaust/ballast.h"
#include "harness/exhaust/healthy.h"
#include "harness/support/statistics.h"

namespace connbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t discarded_attempts = 32;        // the first ones meet cold caches and no cached thread stacks
constexpr Duration healthy_window = seconds(1);  // long enough for a later attempt to connect when the first does not
constexpr Duration between_tries = milliseconds(1);
constexpr Duration settling = milliseconds(50);  // a thread that cannot open its socket reports so only once it runs
constexpr Duration longest_settling = seconds(1);
constexpr Duration looking_up = milliseconds(100);  // how often a wait checks for a request to stop
constexpr TimePoint at_once{};

class Ramp {
 public:
  Ramp(const RampPlan& plan, RampEnd& end)
      : plan_(plan), end_(end), healthy_(plan, [this](TimePoint until) { reap(until); }) {
    starts_.reserve(plan.step);
    completions_.reserve(std::min(plan.most, plan.per_table) + 1);
  }

  void run() {
    try {
      connector_ = plan_.make();
      if (!unloaded()) return stop(Stopped::asked);
      begun_ = plan_.clock();
      record();
      put_up_ballast();
      climb();
      if (end_.stopped == Stopped::asked) return;
      settle();
      record();
      beside();
      plan_.by_deadline ? wait_for_deadlines() : cancel();
    } catch (const std::system_error& error) {
      const std::string_view what = error.what();  // "pthread_create: Resource temporarily unavailable"
      threw(what.substr(0, what.find(": ")), error.code().value());
    } catch (const std::bad_alloc&) {
      threw("operator new", ENOMEM);
    } catch (const std::exception& error) {
      threw(error.what(), 0);
    }
  }

 private:
  bool asked() const { return plan_.stop != nullptr && plan_.stop->load(std::memory_order_relaxed); }

  void stop(Stopped why) { end_.stopped = why; }

  void threw(std::string_view what, int error) {
    (void)connector_.release();  // its state is unknown: do not touch it again
    for (auto& ballast : ballast_) (void)ballast.release();
    if (end_.stopped != Stopped::nothing) return;  // it has already stopped, and could not recover
    stop(Stopped::threw);
    name_call(what, error);
    record();
  }

  void name_call(std::string_view call, int error) {
    call = call.substr(0, sizeof end_.call - 1);
    std::memcpy(end_.call, call.data(), call.size());
    end_.call[call.size()] = '\0';
    end_.os_error = error;
  }

  void record() {
    RampStep step{.holding = plan_.measure()};
    if (begun_ != TimePoint{}) step.elapsed_ns = (plan_.clock() - begun_).count();
    for (const auto& ballast : ballast_) step.pending += ballast->pending();
    if (connector_) step.pending += connector_->in_flight();
    end_.most_pending = std::max(end_.most_pending, step.pending);
    step.start_p50_ns = quantile(starts_, 0.5).value_or(not_known);
    step.start_p99_ns = quantile(starts_, 0.99).value_or(not_known);
    starts_.clear();
    plan_.on_step(step);
  }

  void reap(TimePoint until) {
    completions_.clear();
    connector_->reap(completions_, until);
    for (const Completion& completion : completions_) file(completion);
  }

  // A connector with nothing in flight does not wait.
  void reap_or_sleep(TimePoint until) {
    completions_.clear();
    if (connector_->in_flight() == 0) return plan_.sleep(until);
    reap(until);
  }

  void file(const Completion& completion) {
    const ConnectResult& result = completion.result;
    if (healthy_.take(completion)) return;
    if (result.outcome == Outcome::exhausted) {
      if (end_.stopped == Stopped::nothing) ran_out(result);
    } else if (!letting_go_ && result.outcome != Outcome::deadline_exceeded && end_.ended_otherwise++ == 0) {
      end_.otherwise = result.outcome;
    }
  }

  void ran_out(const ConnectResult& result) {
    stop(Stopped::exhausted);
    name_call(call_of(result.stage, connector_->capabilities()), result.os_error);
  }

  void put_up_ballast() {
    while (end_.stopped == Stopped::nothing && plan_.most - started_ > plan_.per_table) {
      ballast_.push_back(std::make_unique<Ballast>(BallastPlan{.make = plan_.make,
                                                               .dead = plan_.dead,
                                                               .count = plan_.per_table,
                                                               .timeout = plan_.timeout,
                                                               .until = begun_ + plan_.limit,
                                                               .stop = plan_.stop}));
      Ballast& newest = *ballast_.back();
      const size_t begun = newest.starts().size();
      started_ += begun;
      if (newest.exhausted())
        ran_out(*newest.exhausted());
      else if (begun < plan_.per_table)
        stop(asked() ? Stopped::asked : plan_.clock() >= begun_ + plan_.limit ? Stopped::out_of_time : Stopped::full);
      std::swap(starts_, newest.starts());
      record();
    }
  }

  // A connector that accepts no more may still have to report that a resource ran out: threads find out by themselves.
  bool taken(const Attempt& attempt) {
    if (connector_->submit({&attempt, 1}) == 1) return true;
    settle();
    if (end_.stopped != Stopped::nothing) return false;
    if (connector_->submit({&attempt, 1}) == 1) return true;
    stop(Stopped::full);
    return false;
  }

  // Starts attempts one after the other. The start time covers submit() and one reap() that does not wait, because some
  // connectors start an attempt only then.
  void climb() {
    while (end_.stopped == Stopped::nothing && started_ < plan_.most) {
      const TimePoint before = plan_.clock();
      if (asked()) return stop(Stopped::asked);
      if (before >= begun_ + plan_.limit) return stop(Stopped::out_of_time);
      const Attempt attempt{.id = started_,
                            .endpoints = plan_.dead.subspan(started_ % plan_.dead.size(), 1),
                            .scheduled = before,
                            .timeout = plan_.timeout};
      if (!taken(attempt)) return;
      ++started_;
      reap(at_once);
      starts_.push_back((plan_.clock() - before).count());
      if (starts_.size() == plan_.step && started_ < plan_.most && end_.stopped == Stopped::nothing) record();
    }
  }

  // Waits until no completion has arrived for a moment: on a busy machine, some threads have not run yet when the last
  // one is created.
  void settle() {
    TimePoint end = plan_.clock() + longest_settling;
    if (plan_.by_deadline) end = std::min(end, first_deadline());
    while (plan_.clock() < end) {
      const TimePoint quiet = std::min(end, plan_.clock() + settling);
      completions_.clear();
      while (completions_.empty() && plan_.clock() < quiet) reap_or_sleep(quiet);
      if (completions_.empty()) return;
    }
  }

  bool unloaded() {
    healthy_.run(*connector_, std::min(discarded_attempts, plan_.healthy_attempts), plan_.clock() + healthy_window);
    healthy_.run(*connector_, plan_.healthy_attempts, plan_.clock() + healthy_window);
    end_.unloaded_p50_ns = quantile(healthy_.latencies(), 0.5).value_or(not_known);
    end_.unloaded_p99_ns = quantile(healthy_.latencies(), 0.99).value_or(not_known);
    return !asked();
  }

  TimePoint first_deadline() const { return begun_ + plan_.lasts; }

  void beside() {
    stopped_at_ = plan_.clock();
    const TimePoint window_ends = stopped_at_ + healthy_window;
    healthy_.run(*connector_, plan_.healthy_attempts,
                 plan_.by_deadline ? std::min(window_ends, first_deadline()) : window_ends);
    end_.healthy_tried = healthy_.tried();
    end_.healthy_connected = healthy_.latencies().size();
    if (healthy_.latencies().empty()) return;
    end_.recovery_pending_ns = std::max<int64_t>(0, (healthy_.first_through() - stopped_at_).count());
    end_.healthy_p50_ns = quantile(healthy_.latencies(), 0.5).value_or(not_known);
    end_.healthy_p99_ns = quantile(healthy_.latencies(), 0.99).value_or(not_known);
  }

  void come_back(TimePoint released) {
    healthy_.run(*connector_, 1, plan_.clock() + Duration(end_.recovery_limit_ns));
    // When the first deadlines passed during the climb, the time since then is not a recovery time.
    if (!healthy_.latencies().empty() && released >= stopped_at_)
      end_.recovery_released_ns = std::max<int64_t>(0, (healthy_.first_through() - released).count());
  }

  void wait_for_deadlines() {
    end_.by_deadline = true;
    letting_go_ = true;
    const TimePoint released = first_deadline();
    while (!asked() && plan_.clock() < released) reap_or_sleep(std::min(released, plan_.clock() + looking_up));
    come_back(released);
  }

  // Nothing may be submitted after cancel_all(), so the healthy attempt uses a new connector under the same limit.
  void cancel() {
    letting_go_ = true;
    healthy_.forget();
    const TimePoint released = plan_.clock();
    for (const auto& ballast : ballast_) ballast->let_go();
    connector_->cancel_all();
    while (connector_->in_flight() > 0) reap(plan_.clock() + looking_up);
    connector_.reset();
    ballast_.clear();
    make_again(released + Duration(end_.recovery_limit_ns));
    come_back(released);
  }

  // A joined thread may still be counted for a moment.
  void make_again(TimePoint until) {
    for (;;) try {
        connector_ = plan_.make();
        return;
      } catch (const std::system_error&) {
        if (asked() || plan_.clock() >= until) throw;
        plan_.sleep(plan_.clock() + between_tries);
      }
  }

  const RampPlan& plan_;
  RampEnd& end_;
  HealthyAttempts healthy_;
  std::unique_ptr<Connector> connector_;
  std::vector<std::unique_ptr<Ballast>> ballast_;
  TimePoint begun_{};
  TimePoint stopped_at_{};
  uint64_t started_ = 0;
  bool letting_go_ = false;

  std::vector<int64_t> starts_;
  std::vector<Completion> completions_;
};

}  // namespace

// Stage::option stands for setsockopt(), bind() or timer_create(); a completion does not say which. A connector without
// threads that spawns something spawns a stack.
std::string_view call_of(Stage stage, const Capabilities& capabilities) noexcept {
  switch (stage) {
    case Stage::spawn:
      if (capabilities.threads == Capabilities::Threads::processes) return "fork";
      return capabilities.threads == Capabilities::Threads::none ? "spawn" : "pthread_create";
    case Stage::socket:
      return "socket";
    case Stage::option:
      return "setsockopt/bind/timer_create";
    case Stage::connect:
      return "connect";
    case Stage::wait:
      return "wait";
    case Stage::none:
      break;
  }
  return "";
}

void ramp(const RampPlan& plan, RampEnd& end) {
  Ramp(plan, end).run();
}

}  // namespace connbench
