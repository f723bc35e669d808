// A carrier: each attempt gets a thread of its own, which sits in a blocking call until the attempt has ended.
#pragma once

#include "impl/threads/thread_carrier.h"

namespace connbench {

inline constexpr OptionSpec thread_options[] = {source_port_option, stack_option};

/// A thread that cannot be made is an outcome (`exhausted`, stage spawn, the errno of pthread_create).
class ThreadPerAttempt final : public ThreadCarrier {
 public:
  /// Option `stack` gives the size of a thread's stack.
  ThreadPerAttempt(const ConnectorSettings& settings, BlockingCall call, const Capabilities& call_capabilities);
  ~ThreadPerAttempt() override { cancel_and_drain(); }

 private:
  void start(std::span<Seat* const> seats) override;
  void leave(Seat& seat) override;
  void interrupt_all() override;
  static void* thread_main(void* seat);

  ThreadAttributes attributes_;
};

}  // namespace connbench
