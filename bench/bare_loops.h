// The floor: the same system calls as a connector makes, with nothing around them. No stamps, no deadlines, no records.
#pragma once

#include <cstddef>
#include <span>

#include "harness/endpoint.h"

namespace connbench {

/// socket, connect, setsockopt(SO_LINGER), close, one after another.
void bare_blocking(std::span<const Endpoint> endpoints, size_t attempts);

/// socket, connect, epoll_ctl, epoll_wait, getsockopt, setsockopt(SO_LINGER), close; `concurrency` in flight.
void bare_epoll(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

/// io_uring_enter for a batch of sockets (direct descriptors), connects and linked timeouts of a second, and for the
/// completions of one; io_uring_enter for their SO_LINGER and close. `concurrency` in flight. Linux 6.7.
void bare_io_uring(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

/// pthread_create (64 KiB stacks), in the thread what bare_blocking does, pthread_join of the oldest once `concurrency`
/// are in flight.
void bare_threads(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency);

}  // namespace connbench
