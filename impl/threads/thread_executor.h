// What executors share: attempts run in blocking calls on other threads and return through reap().
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "harness/connector/registry.h"
#include "impl/threads/calls/calls.h"

namespace connbench {

/// Below 16 KiB (PTHREAD_STACK_MIN of most architectures) no thread can be made. Beyond 1 GiB the address space is full
/// after some ten thousand threads.
inline constexpr OptionSpec stack_option{.name = "stack",
                                         .kind = OptionSpec::Kind::size,
                                         .choices = "",
                                         .default_value = "64KiB",
                                         .help = "stack size of each thread (glibc's own default is RLIMIT_STACK)",
                                         .least = "16KiB",
                                         .most = "1GiB"};

/// Attributes of the threads that an executor creates.
class ThreadAttributes {
 public:
  /// @throws std::system_error when `stack` is smaller than the system allows
  explicit ThreadAttributes(size_t stack);
  ~ThreadAttributes() { pthread_attr_destroy(&attributes_); }
  ThreadAttributes(const ThreadAttributes&) = delete;
  ThreadAttributes& operator=(const ThreadAttributes&) = delete;
  const pthread_attr_t* get() const noexcept { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

/// Slots for `max_in_flight` attempts, taken by submit() and freed by reap(). A derived executor decides which thread
/// runs the attempt of a slot, and which threads to interrupt.
///
/// Blocked threads are cancelled by a signal (SIGRTMIN, no SA_RESTART) rather than by shutdown(). A signal works for
/// UNIX sockets too. It also addresses a thread, whose ID stays valid until it is joined, while a descriptor number may
/// already belong to another connection. A signal that arrives before connect() has begun is lost, so it is repeated
/// until nothing is in flight. For libraries that ignore EINTR, its handler shuts down the sockets that they have open
/// in the thread (waiting_sockets.h).
class ThreadExecutor : public Connector {
 public:
  Capabilities capabilities() const final { return capabilities_; }
  size_t submit(std::span<const Attempt> attempts) final;
  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) final;
  void cancel_all() final;
  size_t in_flight() const final { return in_flight_; }

 protected:
  struct Slot {
    ThreadExecutor* executor = nullptr;
    Attempt attempt{};
    Completion completion;
    pthread_t thread{};    // used by a thread per attempt
    bool running = false;  // `thread` has not been joined yet
    Slot* next = nullptr;  // used by the queue of a pool
  };

  ThreadExecutor(const ConnectorSettings& settings, BlockingCall call, const Capabilities& capabilities);

  /// Arranges that run() and then finish() are called for each slot in another thread. When there is no thread,
  /// finish() is called at once.
  virtual void start(std::span<Slot* const> slots) = 0;
  /// Called by reap() before the slot is used again.
  virtual void recycle(Slot& /*slot*/) {}
  /// Sends the cancelling signal to every thread that may be in a blocking call.
  virtual void interrupt_all() = 0;

  /// Makes the blocking call in the slot's thread; after cancel_all() the outcome is `never_started` instead.
  void run(Slot& slot) noexcept;
  /// Passes an attempt that has ended to reap(). The slot must not be touched afterwards.
  void finish(Slot& slot);
  /// For the destructors of derived executors: it needs their interrupt_all().
  void cancel_and_drain();

  static void interrupt(pthread_t thread) noexcept;
  std::span<const Slot> slots() const noexcept { return slots_; }

 private:
  BlockingCall call_;
  Capabilities capabilities_;
  std::atomic<bool> cancelled_{false};
  SocketSetup setup_;
  CallContext context_;

  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
  std::vector<Slot*> starting_;
  size_t in_flight_ = 0;

  std::mutex mutex_;
  std::condition_variable some_finished_;
  std::vector<Slot*> finished_;  // guarded by mutex_
  std::vector<Slot*> taken_;     // what reap() is returning
};

}  // namespace connbench
