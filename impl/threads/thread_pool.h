// An executor with a fixed number of threads that take attempts from a queue.
#pragma once

#include "impl/threads/thread_executor.h"

namespace connbench {

inline constexpr OptionSpec threads_option{
    .name = "threads",
    .kind = OptionSpec::Kind::count,
    .choices = "",
    .default_value = "64",
    .help = "number of threads in the pool; never more than attempts may be in flight",
    .most = "1000000"};  // above what Linux allows per process on any machine so far
inline constexpr auto pool_options = with_socket_options({stack_option, threads_option});

/// The threads exist from the constructor to the destructor, so creating them is not part of any attempt. With more
/// attempts in flight than threads, the rest wait in the queue; an attempt starts when a thread takes it.
class ThreadPool final : public ThreadExecutor {
 public:
  /// Uses the options `threads` and `stack`.
  /// @throws std::system_error when a thread cannot be created: a smaller pool would not be the one that was asked for
  ThreadPool(const ConnectorSettings& settings, BlockingCall call, const Capabilities& call_capabilities);
  ~ThreadPool() override;

 private:
  void start(std::span<Slot* const> slots) override;
  void interrupt_all() override;
  void stop();
  Slot* next();
  static void* thread_main(void* pool);

  std::vector<pthread_t> threads_;

  std::mutex mutex_;
  std::condition_variable work_;
  Slot* oldest_ = nullptr;  // this and what follows is guarded by mutex_
  Slot* youngest_ = nullptr;
  size_t idle_ = 0;
  bool over_ = false;
};

}  // namespace connbench
