#include "impl/threads/thread_executor.h"

#include <signal.h>

#include <algorithm>
#include <system_error>

#include "harness/support/sanitized.h"
#include "impl/threads/interrupting_signal.h"
#include "impl/threads/waiting_sockets.h"

namespace connbench {
namespace {

constexpr Duration interrupt_interval = std::chrono::milliseconds(1);

// Sanitizers need larger stack frames.
constexpr size_t least_stack = sanitized ? 512 * 1024 : 0;

}  // namespace

ThreadAttributes::ThreadAttributes(size_t stack) {
  pthread_attr_init(&attributes_);
  if (const int error = pthread_attr_setstacksize(&attributes_, std::max(stack, least_stack)); error != 0) {
    pthread_attr_destroy(&attributes_);
    throw std::system_error(error, std::generic_category(), "pthread_attr_setstacksize");
  }
}

ThreadExecutor::ThreadExecutor(const ConnectorSettings& settings, BlockingCall call, const Capabilities& capabilities)
    : call_(call),
      capabilities_(capabilities),
      setup_(settings.options),
      context_{settings.retirement, cancelled_, setup_},
      slots_(settings.max_in_flight) {
  install_ending_handler(cancelling_signal());
  for (std::vector<Slot*>* list : {&free_, &starting_, &finished_, &taken_}) list->reserve(slots_.size());
  for (Slot& slot : slots_) {
    slot.executor = this;
    free_.push_back(&slot);
  }
}

void ThreadExecutor::cancel_and_drain() {
  cancel_all();
  std::vector<Completion> dropped;
  while (in_flight_ > 0) reap(dropped, TimePoint::max());
}

size_t ThreadExecutor::submit(std::span<const Attempt> attempts) {
  starting_.clear();
  for (const Attempt& attempt : attempts) {
    if (free_.empty()) break;
    Slot& slot = *free_.back();
    free_.pop_back();
    slot.attempt = attempt;
    starting_.push_back(&slot);
  }
  in_flight_ += starting_.size();
  start(starting_);
  return starting_.size();
}

void ThreadExecutor::run(Slot& slot) noexcept {
  if (cancelled_.load(std::memory_order_relaxed))
    slot.completion = {.id = slot.attempt.id, .result = {Outcome::never_started, Stage::none, 0}};
  else
    slot.completion = call_(slot.attempt, context_);
}

void ThreadExecutor::finish(Slot& slot) {
  const std::lock_guard lock(mutex_);
  finished_.push_back(&slot);
  if (finished_.size() == 1) some_finished_.notify_one();
}

size_t ThreadExecutor::reap(std::vector<Completion>& completions, TimePoint wait_until) {
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
  for (Slot* slot : taken_) {
    recycle(*slot);
    completions.push_back(slot->completion);
    free_.push_back(slot);
  }
  const size_t count = taken_.size();
  in_flight_ -= count;
  taken_.clear();
  return count;
}

void ThreadExecutor::cancel_all() {
  cancelled_.store(true, std::memory_order_relaxed);
  interrupt_all();
}

void ThreadExecutor::interrupt(pthread_t thread) noexcept {
  pthread_kill(thread, cancelling_signal());
}

}  // namespace connbench
