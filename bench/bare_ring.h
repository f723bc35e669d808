// The least code that connects with io_uring. The connector io-uring is compared with it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "bench/bare_calls.h"

namespace connbench {

/// How a bare ring differs from the usual one.
struct BareRingOptions {
  unsigned setup = 0;  ///< flags of io_uring_setup()
  BareSocket socket{};
};
/// With the flags of the connector's default, +setup:coop.
BareRingOptions bare_ring_coop();

/// One io_uring_enter for a batch of sockets (direct descriptors) and connects, which waits for one completion, and one
/// io_uring_enter for their SO_LINGER and close. As in the connector, a batch has one stamp when it begins, and each
/// attempt one when it has ended. `concurrency` attempts are in flight. Needs Linux 6.7.
///
/// The ring lives as long as this object, like that of a connector: the kernel dismantles a ring in the background,
/// which would disturb the measurement.
class BareIoUring {
 public:
  explicit BareIoUring(size_t concurrency, const BareRingOptions& options = bare_ring_coop());
  ~BareIoUring();
  BareIoUring(const BareIoUring&) = delete;
  BareIoUring& operator=(const BareIoUring&) = delete;
  void run(std::span<const Endpoint> endpoints, size_t attempts);

 private:
  class Ring;
  std::unique_ptr<Ring> ring_;
  size_t concurrency_;
};

/// An io_uring in the place of epoll: a poll request per socket, sent together with the wait, and after a multishot
/// request another one that removes it.
class BareRingPoll {
 public:
  BareRingPoll(size_t concurrency, bool multishot);
  ~BareRingPoll();
  BareRingPoll(const BareRingPoll&) = delete;
  BareRingPoll& operator=(const BareRingPoll&) = delete;
  void run(std::span<const Endpoint> endpoints, size_t attempts);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace connbench
