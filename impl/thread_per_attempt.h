// A carrier: each attempt gets a thread of its own, which sits in a blocking call until the attempt has ended.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <vector>

#include "harness/registry.h"
#include "impl/calls/calls.h"

namespace connbench {

/// A thread that cannot be made is an outcome (`exhausted`, stage spawn, the errno of pthread_create).
///
/// Blocked threads are cancelled by a signal (SIGRTMIN, no SA_RESTART) rather than by shutdown(): it works for UNIX
/// sockets too, and it is addressed to a thread, whose name stays valid until it is joined, not to a descriptor number
/// that may already mean another connection. A signal that comes before connect() has begun is lost, so it is repeated
/// until the thread has ended.
class ThreadPerAttempt final : public Connector {
 public:
  /// Option `stack` gives the size of a thread's stack.
  ThreadPerAttempt(const ConnectorSettings& settings, BlockingCall call, const Traits& call_traits);
  ~ThreadPerAttempt() override;

  Traits traits() const override;
  size_t submit(std::span<const Attempt> attempts) override;
  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override;
  void cancel_all() override;
  size_t in_flight() const override { return in_flight_; }

  static const OptionSpec stack_option;

 private:
  struct Seat {
    ThreadPerAttempt* carrier = nullptr;
    Attempt attempt{};
    Completion completion;
    pthread_t thread{};
    bool running = false;  // has a thread that is not joined yet
  };
  static void* thread_main(void* seat);
  void start(Seat& seat);
  void finish(Seat& seat);
  void interrupt_all();

  BlockingCall call_;
  Traits traits_;
  CallContext context_;
  std::atomic<bool> cancelled_{false};
  pthread_attr_t thread_attributes_;

  std::vector<Seat> seats_;
  std::vector<Seat*> free_;
  size_t in_flight_ = 0;

  std::mutex mutex_;
  std::condition_variable some_finished_;
  std::vector<Seat*> finished_;  // guarded by mutex_
  std::vector<Seat*> taken_;     // what reap() took of it
};

}  // namespace connbench
