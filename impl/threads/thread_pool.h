// A carrier: a fixed number of threads, made beforehand, that take attempts from a queue.
#pragma once

#include "impl/threads/thread_carrier.h"

namespace connbench {

inline constexpr OptionSpec threads_option{.name = "threads",
                                           .kind = OptionSpec::Kind::count,
                                           .choices = "",
                                           .default_value = "64",
                                           .help = "threads of the pool; never more than may be in flight"};
inline constexpr OptionSpec pool_options[] = {source_port_option, stack_option, threads_option};

/// The threads exist from the constructor to the destructor: making them is no part of any attempt. With more attempts
/// in flight than threads, the others wait their turn in the queue, and it shows as what it is: an attempt has not
/// started before a thread begins it.
class ThreadPool final : public ThreadCarrier {
 public:
  /// Options `threads` and `stack`.
  /// @throws std::system_error when a thread cannot be made: fewer than asked for would be another pool
  ThreadPool(const ConnectorSettings& settings, BlockingCall call, const Capabilities& call_capabilities);
  ~ThreadPool() override;

 private:
  void start(std::span<Seat* const> seats) override;
  void interrupt_all() override;
  void stop();
  Seat* next();
  static void* thread_main(void* pool);

  std::vector<pthread_t> threads_;

  std::mutex mutex_;
  std::condition_variable work_;
  Seat* oldest_ = nullptr;  // these are guarded by mutex_
  Seat* youngest_ = nullptr;
  size_t idle_ = 0;
  bool over_ = false;
};

/// Why no such pool can be made; nullopt when it can.
std::optional<std::string> probe_pool(const ConnectorSettings& settings);

}  // namespace connbench
