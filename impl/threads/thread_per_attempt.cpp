#include "impl/threads/thread_per_attempt.h"

namespace connbench {
namespace {

Capabilities per_attempt(Capabilities capabilities) {
  capabilities.threads = Capabilities::Threads::per_attempt;
  return capabilities;
}

}  // namespace

ThreadPerAttempt::ThreadPerAttempt(const ConnectorSettings& settings, BlockingCall call,
                                   const Capabilities& call_capabilities)
    : ThreadCarrier(settings, call, per_attempt(call_capabilities)), attributes_(settings.options.size("stack")) {}

void ThreadPerAttempt::start(std::span<Seat* const> seats) {
  for (Seat* seat : seats) {
    const int error = pthread_create(&seat->thread, attributes_.get(), thread_main, seat);
    seat->running = error == 0;
    if (seat->running) continue;
    const TimePoint failed = now();
    seat->completion = {.id = seat->attempt.id,
                        .result = classify({.call = Call::pthread_create, .error = error}),
                        .started = failed,
                        .finished = failed};
    finish(*seat);
  }
}

void* ThreadPerAttempt::thread_main(void* argument) {
  Seat& seat = *static_cast<Seat*>(argument);
  auto& carrier = static_cast<ThreadPerAttempt&>(*seat.carrier);
  carrier.run(seat);
  carrier.finish(seat);
  return nullptr;
}

void ThreadPerAttempt::leave(Seat& seat) {
  if (seat.running) pthread_join(seat.thread, nullptr);
  seat.running = false;
}

void ThreadPerAttempt::interrupt_all() {
  for (const Seat& seat : seats())
    if (seat.running) interrupt(seat.thread);
}

}  // namespace connbench
