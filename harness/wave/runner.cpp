#include "harness/wave/runner.h"

#include <algorithm>
#include <array>
#include <vector>

namespace connbench {
namespace {

// How often a waiting wave checks whether it was asked to stop. Coarse, because each check may cost the connector a
// timer.
constexpr Duration stop_check_interval = std::chrono::milliseconds(100);
// Attempts offered at once: enough to amortise the system call of a connector that batches, few enough for the stack.
constexpr size_t batch_size = 256;

// Offers attempts in order, offers those again that the connector did not take, and records completions.
class Wave {
 public:
  Wave(Connector& connector, const Drive& plan, std::span<Sample> samples)
      : connector_(connector),
        completes_in_submit_(connector.capabilities().completes_in_submit),
        plan_(plan),
        samples_(samples),
        begun_(plan.begin == TimePoint{} ? plan.clock() : plan.begin),
        due_(begun_) {
    completions_.reserve(plan.concurrency);
    if (plan.pacing->open_loop()) due_ = begun_ + plan.pacing->next_due();
  }

  void run() {
    const TimePoint end = begun_ + plan_.load.limit;
    TimePoint time = begun_;
    while (reaped_ < samples_.size()) {
      if (stopped() || time >= end) return give_up(time);
      over_ = plan_.load.lasts > Duration::zero() && time >= begun_ + plan_.load.lasts;
      if (over_ && reaped_ == offered_) return;
      offer(time);
      const TimePoint next = next_submission();
      const TimePoint wake = std::min({end, time + stop_check_interval, next});
      time = plan_.load.spin && !more_ && wake == next ? spin(time, wake) : wait(wake);
    }
  }

 private:
  // Waits until `wake` or the first completion. @return the time then. A connector with nothing in flight returns at
  // once: without the sleep an idle open loop would spin.
  TimePoint wait(TimePoint wake) {
    if (connector_.in_flight() == 0) plan_.sleep(wake);
    return reap(wake);
  }

  // As wait(), but does not sleep in the last stretch: a sleep may end late.
  TimePoint spin(TimePoint time, TimePoint wake) {
    const size_t before = reaped_;
    if (wake - spin_stretch > time) time = wait(wake - spin_stretch);
    while (time < wake && reaped_ == before) time = connector_.in_flight() > 0 ? reap(time) : plan_.clock();
    return time;
  }

  // When offer() next has something to do, if no attempt completes before.
  TimePoint next_submission() const {
    if (more_) return TimePoint{};
    if (at_once() || full_ || submitted_ == (over_ ? offered_ : samples_.size())) return TimePoint::max();
    return connector_.in_flight() < plan_.concurrency ? due_ : TimePoint::max();
  }

  // One batch at a time: while thousands are begun, completions and deadlines must not wait for the last of them.
  void offer(TimePoint time) {
    full_ = more_ = false;
    const uint64_t batch_end = submitted_ + batch_size;
    while (wants_more(time)) {
      more_ = submitted_ >= batch_end;
      if (more_) return;
      const size_t room = completes_in_submit_ ? 1 : std::min(plan_.concurrency - connector_.in_flight(), batch_size);
      size_t count = 0;
      for (uint64_t id = submitted_; count < room && (id < offered_ || is_due(time)); ++id, ++count) {
        if (id == offered_) schedule(time);
        batch_[count] = attempt(id);
      }
      // A submit() that runs an attempt to completion may never return: record first that the attempt was begun.
      if (completes_in_submit_) samples_[submitted_].state = Sample::State::submitted;
      const size_t taken = connector_.submit({batch_.data(), count});
      for (size_t i = 0; i < taken; ++i) samples_[submitted_++].state = Sample::State::submitted;
      full_ = taken < count;
      if (full_) return;
    }
  }

  bool wants_more(TimePoint time) const {
    return connector_.in_flight() < plan_.concurrency && (submitted_ < offered_ || is_due(time));
  }

  // The next attempt waits for room in flight and for nothing else.
  bool at_once() const { return !plan_.pacing->open_loop() && plan_.load.gap == Duration::zero(); }

  bool is_due(TimePoint time) const { return !over_ && offered_ < samples_.size() && due_ <= time; }

  // In closed loop an attempt is wanted as soon as there is room for it; in open loop, when it is due.
  void schedule(TimePoint time) {
    Sample& sample = samples_[offered_++];
    sample = Sample{};
    if (!plan_.pacing->open_loop()) {
      sample.scheduled_ns = to_ns(time);
      due_ = time + plan_.load.gap;
      return;
    }
    sample.scheduled_ns = to_ns(due_);
    if (offered_ < samples_.size()) due_ = begun_ + plan_.pacing->next_due();
  }

  Attempt attempt(uint64_t id) const {
    return {.id = id,
            .endpoints = endpoints_of(id),
            .scheduled = TimePoint(Duration(samples_[id].scheduled_ns)),
            .timeout = plan_.timeout};
  }

  std::span<const Endpoint> endpoints_of(uint64_t id) const {
    if (!plan_.load.routes.empty()) return plan_.load.routes[id];
    const size_t each = plan_.load.endpoints_per_attempt;
    return plan_.load.endpoints.subspan(id % (plan_.load.endpoints.size() / each) * each, each);
  }

  TimePoint reap(TimePoint wait_until) {
    completions_.clear();
    connector_.reap(completions_, wait_until);
    const TimePoint time = plan_.clock();
    for (const Completion& completion : completions_) record(completion, time);
    reaped_ += completions_.size();
    return time;
  }

  void record(const Completion& completion, TimePoint time) {
    Sample& sample = samples_[completion.id];
    sample.started_ns = to_ns(completion.started);
    sample.finished_ns = to_ns(completion.finished);
    sample.reaped_ns = to_ns(time);
    sample.os_error = static_cast<int16_t>(completion.result.os_error);
    sample.outcome = completion.result.outcome;
    sample.stage = completion.result.stage;
    sample.round_trip_ns = completion.handshake.round_trip.count();
    sample.syn_retransmits = completion.handshake.syn_retransmits & 0x7FU;
    sample.handshake_known = completion.handshake.known;
    sample.local_port = completion.handshake.local_port;
    sample.protocol = completion.handshake.protocol;
    sample.state = Sample::State::done;
  }

  bool stopped() const { return plan_.stop != nullptr && plan_.stop->load(std::memory_order_relaxed); }

  void give_up(TimePoint time) {
    connector_.cancel_all();
    while (connector_.in_flight() > 0) reap(plan_.clock() + stop_check_interval);
    // Attempts that were due by then were wanted, even if there never was room for them.
    while (plan_.pacing->open_loop() && is_due(time)) schedule(time);
    // Somebody waits for the end: millions that were never offered are not written one by one.
    const uint64_t end = stopped() || plan_.load.lasts > Duration::zero() ? offered_ : samples_.size();
    for (uint64_t id = submitted_; id < end; ++id) {
      if (id >= offered_) samples_[id] = Sample{};
      samples_[id].outcome = Outcome::never_started;
      samples_[id].state = Sample::State::done;
    }
  }

  Connector& connector_;
  bool completes_in_submit_;
  const Drive& plan_;
  std::span<Sample> samples_;
  TimePoint begun_;
  TimePoint due_;           // when attempt offered_ is due; in closed loop, the earliest time for it
  uint64_t offered_ = 0;    // scheduled
  uint64_t submitted_ = 0;  // taken by the connector
  uint64_t reaped_ = 0;
  bool over_ = false;  // the time for new attempts has passed
  bool full_ = false;  // the connector took less than it was offered
  bool more_ = false;  // a batch was begun, and more attempts are wanted
  std::vector<Completion> completions_;
  std::array<Attempt, batch_size> batch_{};
};

}  // namespace

void drive(Connector& connector, const Drive& plan, std::span<Sample> samples) {
  Wave(connector, plan, samples).run();
}

}  // namespace connbench
