#include "impl/thread_per_attempt.h"

#include <signal.h>

#include <algorithm>
#include <system_error>

namespace connbench {
namespace {

constexpr Duration interrupt_interval = std::chrono::milliseconds(1);

// The disposition belongs to the whole process; installing it again changes nothing.
void install_interrupting_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  checked(::sigaction(SIGRTMIN, &action, nullptr), "sigaction");
}

// Sanitizers put large frames on the stack.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONNBENCH_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONNBENCH_SANITIZED 1
#endif
#endif
#ifdef CONNBENCH_SANITIZED
constexpr size_t least_stack = 512 * 1024;
#else
constexpr size_t least_stack = 0;
#endif

}  // namespace

const OptionSpec ThreadPerAttempt::stack_option{.name = "stack",
                                                .kind = OptionSpec::Kind::size,
                                                .choices = "",
                                                .fallback = "64KiB",
                                                .help = "stack of each thread (glibc's own default is RLIMIT_STACK)"};

ThreadPerAttempt::ThreadPerAttempt(const ConnectorSettings& settings, BlockingCall call, const Traits& call_traits)
    : call_(call), traits_(call_traits), context_{settings.retirement, cancelled_}, seats_(settings.max_in_flight) {
  traits_.threads = Traits::Threads::per_attempt;
  install_interrupting_handler();
  free_.reserve(seats_.size());
  finished_.reserve(seats_.size());
  taken_.reserve(seats_.size());
  for (Seat& seat : seats_) {
    seat.carrier = this;
    free_.push_back(&seat);
  }
  pthread_attr_init(&thread_attributes_);
  const size_t stack = std::max(settings.options.size("stack"), least_stack);
  if (const int error = pthread_attr_setstacksize(&thread_attributes_, stack); error != 0) {
    pthread_attr_destroy(&thread_attributes_);
    throw std::system_error(error, std::generic_category(), "pthread_attr_setstacksize");
  }
}

ThreadPerAttempt::~ThreadPerAttempt() {
  cancel_all();
  std::vector<Completion> dropped;
  while (in_flight_ > 0) reap(dropped, TimePoint::max());
  pthread_attr_destroy(&thread_attributes_);
}

Traits ThreadPerAttempt::traits() const {
  return traits_;
}

size_t ThreadPerAttempt::submit(std::span<const Attempt> attempts) {
  size_t taken = 0;
  for (const Attempt& attempt : attempts) {
    if (free_.empty()) break;
    Seat& seat = *free_.back();
    free_.pop_back();
    seat.attempt = attempt;
    start(seat);
    ++in_flight_;
    ++taken;
  }
  return taken;
}

void ThreadPerAttempt::start(Seat& seat) {
  const int error = pthread_create(&seat.thread, &thread_attributes_, thread_main, &seat);
  seat.running = error == 0;
  if (seat.running) return;
  const TimePoint failed = now();
  seat.completion = {.id = seat.attempt.id,
                     .result = classify({.call = Call::pthread_create, .error = error}),
                     .started = failed,
                     .finished = failed};
  finish(seat);
}

void* ThreadPerAttempt::thread_main(void* argument) {
  Seat& seat = *static_cast<Seat*>(argument);
  ThreadPerAttempt& carrier = *seat.carrier;
  if (carrier.cancelled_.load(std::memory_order_relaxed))
    seat.completion = {.id = seat.attempt.id, .result = {Outcome::never_started, Stage::none, 0}};
  else
    seat.completion = carrier.call_(seat.attempt, carrier.context_);
  carrier.finish(seat);
  return nullptr;
}

void ThreadPerAttempt::finish(Seat& seat) {
  const std::lock_guard lock(mutex_);
  finished_.push_back(&seat);
  if (finished_.size() == 1) some_finished_.notify_one();
}

size_t ThreadPerAttempt::reap(std::vector<Completion>& completions, TimePoint wait_until) {
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
    if (seat->running) pthread_join(seat->thread, nullptr);
    seat->running = false;
    completions.push_back(seat->completion);
    free_.push_back(seat);
  }
  const size_t count = taken_.size();
  in_flight_ -= count;
  taken_.clear();
  return count;
}

void ThreadPerAttempt::cancel_all() {
  cancelled_.store(true, std::memory_order_relaxed);
  interrupt_all();
}

void ThreadPerAttempt::interrupt_all() {
  for (const Seat& seat : seats_)
    if (seat.running) pthread_kill(seat.thread, SIGRTMIN);
}

}  // namespace connbench
