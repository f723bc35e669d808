// A target whose sockets belong to a separate server process.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/process/server_process.h"
#include "harness/targets/loopback_sockets.h"

namespace connbench {

class ServedTarget final : public Target {
 public:
  /// Hands the sockets to a server process. @throws std::system_error
  ServedTarget(BoundSockets bound, const std::vector<int>& cpus, const ServerProcess::Serve& serve)
      : endpoints_(std::move(bound.endpoints)), server_(std::move(bound.sockets), cpus, serve) {}

  std::span<const Endpoint> endpoints() const override { return endpoints_; }
  pid_t server() const override { return server_.pid(); }
  std::string why_server_failed() const override { return server_.failure(); }

 private:
  std::vector<Endpoint> endpoints_;
  ServerProcess server_;
};

}  // namespace connbench
