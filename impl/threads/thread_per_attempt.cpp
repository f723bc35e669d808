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
    : ThreadExecutor(settings, call, per_attempt(call_capabilities)), attributes_(settings.options.size("stack")) {}

void ThreadPerAttempt::start(std::span<Slot* const> slots) {
  for (Slot* slot : slots) {
    const int error = pthread_create(&slot->thread, attributes_.get(), thread_main, slot);
    slot->running = error == 0;
    if (slot->running) continue;
    const TimePoint failed = now();
    slot->completion = {.id = slot->attempt.id,
                        .result = classify({.call = Call::pthread_create, .error = error}),
                        .started = failed,
                        .finished = failed};
    finish(*slot);
  }
}

void* ThreadPerAttempt::thread_main(void* argument) {
  Slot& slot = *static_cast<Slot*>(argument);
  auto& executor = static_cast<ThreadPerAttempt&>(*slot.executor);
  executor.run(slot);
  executor.finish(slot);
  return nullptr;
}

void ThreadPerAttempt::recycle(Slot& slot) {
  if (slot.running) pthread_join(slot.thread, nullptr);
  slot.running = false;
}

void ThreadPerAttempt::interrupt_all() {
  for (const Slot& slot : slots())
    if (slot.running) interrupt(slot.thread);
}

}  // namespace connbench
