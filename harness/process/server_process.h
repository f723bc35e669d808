// A child process that serves sockets, so that its threads, descriptors and CPU time are not the client's.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/process/measured_child.h"
#include "harness/process/shared.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// Runs until this object is destroyed or its parent dies, however the parent dies.
class ServerProcess {
 public:
  /// Receives the sockets' descriptors in the order given. The process ends when it returns or throws.
  using Serve = std::function<void(std::span<const int>)>;

  /// Call it while the process has one thread. The caller's copies of `sockets` are closed.
  /// `cpus`: where the child may run; empty = where the caller may.
  /// @throws std::system_error
  ServerProcess(std::vector<UniqueFd> sockets, const std::vector<int>& cpus, const Serve& serve);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// Why it could not go on; "" = it is alive, or did not say.
  std::string failure() const { return failure_->text(); }

 private:
  ServerProcess(const std::vector<UniqueFd>& sockets, const Serve& serve);

  Shared<ChildError> failure_{};
  pid_t pid_;
};

/// A server for sockets that only need to stay open. Never returns.
void hold_open(std::span<const int>);

}  // namespace connbench
