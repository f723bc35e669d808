// The least code that connects with io_uring. The connector io-uring is compared with it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "harness/connector/endpoint.h"

namespace connbench {

/// One io_uring_enter for a batch of sockets (direct descriptors) and connects, which waits for one completion, and one
/// io_uring_enter for their SO_LINGER and close. As in the connector, a batch has one stamp when it begins, and each
/// attempt one when it has ended. `concurrency` attempts are in flight. Needs Linux 6.7.
///
/// The ring lives as long as this object, like that of a connector: the kernel dismantles a ring in the background,
/// which would disturb the measurement.
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
