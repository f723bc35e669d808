// A server that does the least for which a channel of gRPC becomes READY.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "harness/process/shared.h"
#include "harness/targets/loopback_sockets.h"
#include "harness/targets/target.h"

namespace connbench::channels {

/// Accepts, sends an empty HTTP/2 SETTINGS frame at once, reads nothing, and closes after its client. A process of its
/// own, which sleeps until it has something to do.
class SettingsServer {
 public:
  /// Call it while the process has one thread, in the network in which the sockets are to be served.
  /// @param cpus where the server may run; empty = anywhere. @throws std::system_error
  SettingsServer(BoundSockets bound, const std::vector<int>& cpus);

  const Endpoint& endpoint() const { return target_->endpoints().front(); }
  /// Connections accepted so far.
  uint64_t accepted() const noexcept { return *accepted_; }

 private:
  Shared<std::atomic<uint64_t>> accepted_;
  std::unique_ptr<Target> target_;
};

}  // namespace connbench::channels
