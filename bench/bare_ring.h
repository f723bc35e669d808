// The least that connects by io_uring: what the connector of that name is held against.
#pragma once

#include <memory>
#include <span>

#include "harness/connector/endpoint.h"

namespace connbench {

/// io_uring_enter for a batch of sockets (direct descriptors) and connects, and for the
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

}  // namespace connbench
