// An executor that gives each attempt a thread of its own, which blocks until the attempt has ended.
#pragma once

#include "impl/threads/thread_executor.h"

namespace connbench {

inline constexpr auto thread_options = with_socket_options({stack_option});

/// When a thread cannot be created, the attempt ends as `exhausted`, stage spawn, with the errno of pthread_create().
class ThreadPerAttempt final : public ThreadExecutor {
 public:
  /// Uses the option `stack`.
  ThreadPerAttempt(const ConnectorSettings& settings, BlockingCall call, const Capabilities& call_capabilities);
  ~ThreadPerAttempt() override { cancel_and_drain(); }

 private:
  void start(std::span<Slot* const> slots) override;
  void recycle(Slot& slot) override;
  void interrupt_all() override;
  static void* thread_main(void* slot);

  ThreadAttributes attributes_;
};

}  // namespace connbench
