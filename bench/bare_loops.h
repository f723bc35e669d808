// The floor: the same system calls as a connector makes, with nothing around them. No stamps, no deadlines, no records.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "harness/endpoint.h"

namespace connbench {

/// socket, connect, setsockopt(SO_LINGER), close, one after another.
void bare_blocking(std::span<const Endpoint> endpoints, size_t attempts);

/// socket, connect, epoll_ctl, epoll_wait, getsockopt, setsockopt(SO_LINGER), close; `concurrency` in flight.
void bare_epoll(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

/// io_uring_enter for a batch of sockets (direct descriptors), connects and linked timeouts of a second, and for the
/// completions of one; io_uring_enter for their SO_LINGER and close. `concurrency` in flight. Linux 6.7.
///
/// Its ring stays, because that of a connector does: the kernel takes one down in the background, beside what is
/// measured.
class BareIoUring {
 public:
  explicit BareIoUring(size_t concurrency);
  ~BareIoUring();
  BareIoUring(const BareIoUring&) = delete;
  BareIoUring& operator=(const BareIoUring&) = delete;
  void run(std::span<const Endpoint> endpoints, size_t attempts);

 private:
  class Ring;
  std::unique_ptr<Ring> ring_;
  size_t concurrency_;
};

/// pthread_create (64 KiB stacks), in the thread what bare_blocking does, pthread_join of the oldest once `concurrency`
/// are in flight.
void bare_threads(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

}  // namespace connbench
