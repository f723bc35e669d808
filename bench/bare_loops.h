// The floor: the same system calls as those of a connector, and the same two stamps per attempt, with nothing else
// around them: no deadlines, no records. Each function connects `attempts` times, with `concurrency` in flight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "bench/bare_calls.h"

namespace connbench {

/// One connect() after another in the caller's thread.
void bare_blocking(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

/// epoll_ctl and epoll_wait; `how` is EPOLLONESHOT or EPOLLET.
void bare_epoll(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency, uint32_t how,
                const BareSocket& socket = {});
/// ppoll over everything in flight.
void bare_poll(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);
/// select over everything in flight.
void bare_select(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

/// pthread_create (64 KiB stacks), `call` in the new thread, and pthread_join of the oldest once `concurrency` are in
/// flight.
void bare_threads(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency, BareCall call);

/// fork, pidfd_open and epoll_ctl; `call` in the child; epoll_wait, wait4 and close.
void bare_forks(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency, BareCall call);

/// Threads that take endpoints from a queue (a mutex, a condition variable) and count what is done (another pair).
class BarePool {
 public:
  BarePool(size_t threads, BareCall call);
  ~BarePool();
  void run(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace connbench
