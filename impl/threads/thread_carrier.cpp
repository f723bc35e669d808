#include "impl/threads/thread_carrier.h"

#include <signal.h>

#include <algorithm>
#include <system_error>

#include "harness/support/sanitized.h"
#include "impl/threads/interrupting_signal.h"

namespace connbench {
namespace {

constexpr Duration interrupt_interval = std::chrono::milliseconds(1);

// Sanitizers put large frames on the stack.
constexpr size_t least_stack = sanitized ? 512 * 1024 : 0;

}  // namespace

ThreadAttributes::ThreadAttributes(size_t stack) {
  pthread_attr_init(&attributes_);
  if (const int error = pthread_attr_setstacksize(&attributes_, std::max(stack, least_stack)); error != 0) {
    pthread_attr_destroy(&attributes_);
    throw std::system_error(error, std::generic_category(), "pthread_attr_setstacksize");
  }
}

ThreadCarrier::ThreadCarrier(const ConnectorSettings& settings, BlockingCall call, const Capabilities& capabilities)
    : call_(call),
      capabilities_(capabilities),
      port_(settings.options),
      context_{settings.retirement, cancelled_, port_},
      seats_(settings.max_in_flight) {
  install_interrupting_handler(cancelling_signal());
  for (std::vector<Seat*>* list : {&free_, &starting_, &finished_, &taken_}) list->reserve(seats_.size());
  for (Seat& seat : seats_) {
    seat.carrier = this;
    free_.push_back(&seat);
  }
}

void ThreadCarrier::cancel_and_drain() {
  cancel_all();
  std::vector<Completion> dropped;
  while (in_flight_ > 0) reap(dropped, TimePoint::max());
}

size_t ThreadCarrier::submit(std::span<const Attempt> attempts) {
  starting_.clear();
  for (const Attempt& attempt : attempts) {
    if (free_.empty()) break;
    Seat& seat = *free_.back();
    free_.pop_back();
    seat.attempt = attempt;
    starting_.push_back(&seat);
  }
  in_flight_ += starting_.size();
  start(starting_);
  return starting_.size();
}

void ThreadCarrier::run(Seat& seat) noexcept {
  if (cancelled_.load(std::memory_order_relaxed))
    seat.completion = {.id = seat.attempt.id, .result = {Outcome::never_started, Stage::none, 0}};
  else
    seat.completion = call_(seat.attempt, context_);
}

void ThreadCarrier::finish(Seat& seat) {
  const std::lock_guard lock(mutex_);
  finished_.push_back(&seat);
  if (finished_.size() == 1) some_finished_.notify_one();
}

size_t ThreadCarrier::reap(std::vector<Completion>& completions, TimePoint wait_until) {
  if (in_flight_ == 0) return 0;
  {
    std::unique_lock lock(mutex_);
    while (finished_.empty()) {
      const bool cancelled = cancelled_.load(std::memory_order_relaxed);
      const TimePoint wake = cancelled ? std::min(wait_until, now() + interrupt_interval) : wait_until;
      if (some_finished_.wait_until(lock, wake) == std::cv_status::no_timeout) continue;
      if (cancelled) interrupt_all();
      if (now() >= wait_until) break;
    }
    std::swap(finished_, taken_);
  }
  for (Seat* seat : taken_) {
    leave(*seat);
    completions.push_back(seat->completion);
    free_.push_back(seat);
  }
  const size_t count = taken_.size();
  in_flight_ -= count;
  taken_.clear();
  return count;
}

void ThreadCarrier::cancel_all() {
  cancelled_.store(true, std::memory_order_relaxed);
  interrupt_all();
}

void ThreadCarrier::interrupt(pthread_t thread) noexcept {
  pthread_kill(thread, cancelling_signal());
}

}  // namespace connbench
