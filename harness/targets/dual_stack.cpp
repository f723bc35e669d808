#include <algorithm>

#include "harness/targets/connected_eventually.h"
#include "harness/targets/target.h"

namespace connbench::targets {
namespace {

/// Each host has an address of ::1 that drops SYNs, then one of 127/8 that accepts.
class DualStack final : public Target {
 public:
  explicit DualStack(const TargetRequest& request)
      : dead_(open_for("backlog-full", Family::ipv6, request)), live_(open_for("accepting", Family::ipv4, request)) {
    const auto dead = dead_->endpoints();
    const auto live = live_->endpoints();
    for (size_t i = 0; i < std::max(dead.size(), live.size()); ++i) {
      endpoints_.push_back(dead[i % dead.size()]);
      endpoints_.push_back(live[i % live.size()]);
    }
  }

  std::span<const Endpoint> endpoints() const override { return endpoints_; }
  size_t endpoints_per_attempt() const override { return 2; }
  /// The server that accepts. The other one only holds its sockets open.
  pid_t server() const override { return live_->server(); }
  std::string why_server_failed() const override { return live_->why_server_failed(); }

 private:
  static std::unique_ptr<Target> open_for(std::string_view name, Family family, TargetRequest request) {
    request.family = family;
    return find_target(name).open(request);
  }

  std::unique_ptr<Target> dead_;
  std::unique_ptr<Target> live_;
  std::vector<Endpoint> endpoints_;
};

}  // namespace

/// `answers` is false: connectors that use only an attempt's first address stay pending.
extern const TargetEntry dual_stack;
const TargetEntry dual_stack{
    .name = "dual-stack",
    .summary = "hosts with two addresses: first ::1, which drops SYNs, then IPv4, which accepts",
    .families = std::span(ip_families).first<1>(),
    .needs_ipv6 = true,
    .answers = false,
    .expected_outcomes = connected_eventually,
    .open = [](const TargetRequest& request) -> std::unique_ptr<Target> {
      return std::make_unique<DualStack>(request);
    },
};

}  // namespace connbench::targets
