// What carriers share: attempts that sit in blocking calls of other threads, and come back through reap().
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <vector>

#include "harness/connector/registry.h"
#include "impl/threads/calls/calls.h"

namespace connbench {

/// Where the size of a thread's stack comes from.
inline constexpr OptionSpec stack_option{.name = "stack",
                                         .kind = OptionSpec::Kind::size,
                                         .choices = "",
                                         .default_value = "64KiB",
                                         .help = "stack of each thread (glibc's own default is RLIMIT_STACK)"};

/// Attributes of the threads that a carrier makes.
class ThreadAttributes {
 public:
  /// @throws std::system_error when `stack` is smaller than the system permits
  explicit ThreadAttributes(size_t stack);
  ~ThreadAttributes() { pthread_attr_destroy(&attributes_); }
  ThreadAttributes(const ThreadAttributes&) = delete;
  ThreadAttributes& operator=(const ThreadAttributes&) = delete;
  const pthread_attr_t* get() const noexcept { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

/// Seats for `max_in_flight` attempts, taken by submit() and freed by reap(). A derived carrier says in which thread a
/// seat's attempt is run, and which threads are to be interrupted.
///
/// Blocked threads are cancelled by a signal (SIGRTMIN, no SA_RESTART) rather than by shutdown(): it works for UNIX
/// sockets too, and it is addressed to a thread, whose name stays valid until it is joined, not to a descriptor number
/// that may already mean another connection. A signal that comes before connect() has begun is lost, so it is repeated
/// until nothing is in flight.
class ThreadCarrier : public Connector {
 public:
  Capabilities capabilities() const final { return capabilities_; }
  size_t submit(std::span<const Attempt> attempts) final;
  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) final;
  void cancel_all() final;
  size_t in_flight() const final { return in_flight_; }

 protected:
  struct Seat {
    ThreadCarrier* carrier = nullptr;
    Attempt attempt{};
    Completion completion;
    pthread_t thread{};    // a carrier of a thread per attempt keeps it here
    bool running = false;  // has a thread that is not joined yet
    Seat* next = nullptr;  // a pool's queue
  };

  ThreadCarrier(const ConnectorSettings& settings, BlockingCall call, const Capabilities& capabilities);

  /// Sees to it that run(), then finish() is called for each of them, in another thread or, when there is none, at
  /// once.
  virtual void start(std::span<Seat* const> seats) = 0;
  /// Called by reap() once an attempt has ended.
  virtual void leave(Seat& /*seat*/) {}
  /// Sends the cancelling signal to every thread that may sit in a call.
  virtual void interrupt_all() = 0;

  /// In the seat's thread: the call, or `never_started` after cancel_all().
  void run(Seat& seat) noexcept;
  /// Hands an attempt that has ended to reap(). The seat must not be touched afterwards.
  void finish(Seat& seat);
  /// For the destructors of derived carriers, while interrupt_all() is still theirs.
  void cancel_and_drain();

  static void interrupt(pthread_t thread) noexcept;
  std::span<const Seat> seats() const noexcept { return seats_; }

 private:
  BlockingCall call_;
  Capabilities capabilities_;
  std::atomic<bool> cancelled_{false};
  SourcePort port_;
  CallContext context_;

  std::vector<Seat> seats_;
  std::vector<Seat*> free_;
  std::vector<Seat*> starting_;
  size_t in_flight_ = 0;

  std::mutex mutex_;
  std::condition_variable some_finished_;
  std::vector<Seat*> finished_;  // guarded by mutex_
  std::vector<Seat*> taken_;     // what reap() took of it
};

}  // namespace connbench
