#include "harness/wave/runner.h"

#include <algorithm>
#include <array>
#include <vector>

namespace connbench {
namespace {

// How often a wave that waits looks whether it was asked to stop. Coarse: each look may cost the connector a timer.
constexpr Duration stop_check_interval = std::chrono::milliseconds(100);
// Attempts offered at once; enough to amortise a batching connector's system call, small enough for the stack.
constexpr size_t batch_size = 256;

// Offers attempts in order, keeps those that the connector has not taken yet, and files what comes back.
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
    const TimePoint end = begun_ + plan_.limit;
    TimePoint time = begun_;
    while (reaped_ < samples_.size()) {
      if (time >= end || (plan_.stop != nullptr && plan_.stop->load(std::memory_order_relaxed))) return give_up(time);
      offer(time);
      const TimePoint next = next_submission();
      const TimePoint wake = std::min({end, time + stop_check_interval, next});
      time = plan_.spin && !more_ && wake == next ? spin(time, wake) : wait(wake);
    }
  }

 private:
  // Until `wake` or the first completion; the time after that. A connector with nothing in flight does not wait:
  // without the sleep an idle open loop would spin.
  TimePoint wait(TimePoint wake) {
    if (connector_.in_flight() == 0) plan_.sleep(wake);
    return reap(wake);
  }

  // The same, and awake for the last stretch: a sleep ends when the kernel gets round to it.
  TimePoint spin(TimePoint time, TimePoint wake) {
    const size_t before = reaped_;
    if (wake - spin_stretch > time) time = wait(wake - spin_stretch);
    while (time < wake && reaped_ == before) time = connector_.in_flight() > 0 ? reap(time) : plan_.clock();
    return time;
  }

  // The next moment at which offer() has something to do without a completion first.
  TimePoint next_submission() const {
    if (more_) return TimePoint{};
    if (at_once() || full_ || submitted_ == samples_.size()) return TimePoint::max();
    return connector_.in_flight() < plan_.concurrency ? due_ : TimePoint::max();
  }

  // A batch at a time: while thousands are begun, those that end or pass their deadlines must not wait for the last.
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
      // One that runs to completion in submit() may never come back from it: say first that the attempt was begun.
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

  // Nothing but the attempts in flight holds the next one back.
  bool at_once() const { return !plan_.pacing->open_loop() && plan_.gap == Duration::zero(); }

  bool is_due(TimePoint time) const { return offered_ < samples_.size() && due_ <= time; }

  // In closed loop an attempt is wanted from the moment at which there is room for it; in open loop, when it is due.
  void schedule(TimePoint time) {
    Sample& sample = samples_[offered_++];
    sample = Sample{};
    if (!plan_.pacing->open_loop()) {
      sample.scheduled_ns = to_ns(time);
      due_ = time + plan_.gap;
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
    if (!plan_.routes.empty()) return plan_.routes[id];
    const size_t each = plan_.endpoints_per_attempt;
    return plan_.endpoints.subspan(id % (plan_.endpoints.size() / each) * each, each);
  }

  TimePoint reap(TimePoint wait_until) {
    completions_.clear();
    connector_.reap(completions_, wait_until);
    const TimePoint time = plan_.clock();
    for (const Completion& completion : completions_) file(completion, time);
    reaped_ += completions_.size();
    return time;
  }

  void file(const Completion& completion, TimePoint time) {
    Sample& sample = samples_[completion.id];
    sample.started_ns = to_ns(completion.started);
    sample.finished_ns = to_ns(completion.finished);
    sample.reaped_ns = to_ns(time);
    sample.os_error = completion.result.os_error;
    sample.outcome = completion.result.outcome;
    sample.stage = completion.result.stage;
    sample.round_trip_ns = completion.handshake.round_trip.count();
    sample.syn_retransmits = completion.handshake.syn_retransmits & 0x7FU;
    sample.handshake_known = completion.handshake.known;
    sample.state = Sample::State::done;
  }

  void give_up(TimePoint time) {
    connector_.cancel_all();
    while (connector_.in_flight() > 0) reap(plan_.clock() + stop_check_interval);
    // What was due by then was wanted, also where there never was room for it.
    while (plan_.pacing->open_loop() && is_due(time)) schedule(time);
    for (uint64_t id = submitted_; id < samples_.size(); ++id) {
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
  TimePoint due_;           // of attempt offered_; in closed loop, not before this
  uint64_t offered_ = 0;    // scheduled
  uint64_t submitted_ = 0;  // taken by the connector
  uint64_t reaped_ = 0;
  bool full_ = false;  // the connector took less than it was offered
  bool more_ = false;  // a batch was begun, and there is more to begin
  std::vector<Completion> completions_;
  std::array<Attempt, batch_size> batch_{};
};

}  // namespace

void drive(Connector& connector, const Drive& plan, std::span<Sample> samples) {
  Wave(connector, plan, samples).run();
}

}  // namespace connbench
