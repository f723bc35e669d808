// The lab's network and link without a capsule, for tests and benchmarks of the link, which thereby run in the client's
// namespace themselves. Needs a process of its own.
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "harness/connector/endpoint.h"
#include "harness/lab/addresses.h"
#include "harness/lab/link/link.h"
#include "harness/lab/network.h"
#include "harness/process/ask_in_child.h"
#include "harness/process/child_process.h"
#include "harness/process/shared.h"
#include "harness/support/unique_fd.h"

namespace connbench::lab {

namespace two_ends {

/// An ordinary user may create network namespaces only inside a user namespace; root needs none.
inline void leave_for_own_network() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (user == 0 && ::unshare(CLONE_NEWNET) == 0) return;
  checked(::unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare(CLONE_NEWUSER | CLONE_NEWNET)");
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
}

}  // namespace two_ends

/// Create it in a process with a single thread that is used for nothing else; the process then is the client.
class TwoEnds {
 public:
  /// `prepare` sets rules and seed before the link starts. @throws std::exception
  explicit TwoEnds(const std::function<void(LinkState&)>& prepare = [](LinkState&) {}) {
    two_ends::leave_for_own_network();
    network_.emplace(build_network({}));
    enter(network_->client);
    prepare(*state_);
    start_link();
  }
  ~TwoEnds() {
    ::kill(process_, SIGKILL);
    wait_for_child(process_);
  }
  TwoEnds(const TwoEnds&) = delete;
  TwoEnds& operator=(const TwoEnds&) = delete;

  LinkState& state() noexcept { return *state_; }
  pid_t link_process() const noexcept { return process_; }

  /// The up-to-date report.
  const LinkReport& report() {
    if (!refresh_report(*state_, std::chrono::seconds(10))) throw std::runtime_error("the link does not respond");
    return state_->report;
  }

  template <class Function>
  auto on_server(Function function) {
    return inside(network_->server, function);
  }
  template <class Function>
  auto on_link(Function function) {
    return inside(network_->link, function);
  }

  static Endpoint far(Family family, uint8_t block, uint16_t port) {
    const auto where = static_cast<Block>(block);
    return family == Family::ipv6 ? Endpoint::ipv6(ipv6_address(where, 0), port)
                                  : Endpoint::ipv4(ipv4_address(where, 0), port);
  }

 private:
  template <class Function>
  auto inside(const UniqueFd& network, Function function) {
    const Visit visit(network, network_->client);
    return function();
  }

  void start_link() {
    const pid_t parent = ::getpid();
    process_ = checked(::fork(), "fork");
    if (process_ == 0) run_child(parent);
    while (!state_->report.ready.load(std::memory_order_acquire)) {
      int status = 0;
      if (::waitpid(process_, &status, WNOHANG) != 0) throw std::runtime_error("the link has ended");
      sleep_until(now() + std::chrono::milliseconds(1));
    }
  }
  [[noreturn]] void run_child(pid_t parent) noexcept {
    die_with_parent(parent);
    enter(network_->link);
    run_link(near_end, far_end, *state_);
  }

  std::optional<Network> network_;
  Shared<LinkState> state_;
  pid_t process_ = -1;
};

/// Why TwoEnds cannot be created on this machine; empty when it can.
inline std::string why_no_two_ends() {
  const ChildAnswer answer = ask_in_child([] {
    TwoEnds ends;
    return std::string();
  });
  return answer.ok ? "" : answer.text;
}

}  // namespace connbench::lab
