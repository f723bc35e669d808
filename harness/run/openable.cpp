#include "harness/run/openable.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "harness/machine/ipv6.h"
#include "harness/process/ask_in_child.h"
#include "harness/support/unique_fd.h"
#include "harness/targets/external.h"

namespace connbench {
namespace {

// In a new network namespace, loopback can be bound but not reached.
void require_route(const Endpoint& to) {
  const UniqueFd socket(checked(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  if (::connect(socket.get(), to.address(), to.size()) == 0 || errno != ENETUNREACH) return;
  throw std::runtime_error(
      fmt::format("connect {}: {}; as root: ip link set lo up", to.to_string(), std::strerror(ENETUNREACH)));
}

}  // namespace

std::optional<std::string> Openable::why_not(const NamedTarget& target, Family family) {
  const auto [known, is_new] = known_.try_emplace({target.name, family});
  if (is_new) known->second = try_it(target, family);
  return known->second;
}

// Two kinds are not opened on trial: each target in the lab takes one of its 256 blocks of addresses for good, and a
// host outside must not notice a plan.
std::optional<std::string> Openable::try_it(const NamedTarget& target, Family family) const {
  const TargetEntry& entry = *target.entry;
  if (served_ != nullptr) return served_->why_not(target, family);
  if (target.needs_lab() && lab_ == nullptr) return fmt::format("{} needs the lab: {}", target.name, why_no_lab_);
  if (!target.serves(family))
    return fmt::format("{} {} family {}", target.name,
                       target.addresses.empty() ? "does not exist on" : "has no address of", to_string(family));
  if (family == Family::ipv6 || entry.needs_ipv6)
    if (auto reason = why_no_ipv6()) return reason;
  if (target.needs_lab() || &entry == &external_target) return std::nullopt;
  const ChildAnswer answer = ask_in_child([&] {
    const auto opened = target.open({.family = family, .lab = lab_});
    require_route(opened->endpoints()[0]);
    return "";
  });
  return answer.ok ? std::nullopt : std::optional("it cannot be opened here: " + answer.text);
}

}  // namespace connbench
