#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "harness/targets/connected_eventually.h"
#include "harness/targets/far_target.h"
#include "harness/targets/target.h"

namespace connbench::targets {
namespace {

/// Each host has an address of the first target, then one of the second, which accepts.
class DualStack final : public Target {
 public:
  DualStack(std::unique_ptr<Target> first, std::unique_ptr<Target> second, bool both_accept)
      : first_(std::move(first)), second_(std::move(second)), both_accept_(both_accept) {
    const auto firsts = first_->endpoints();
    const auto seconds = second_->endpoints();
    for (size_t i = 0; i < std::max(firsts.size(), seconds.size()); ++i) {
      endpoints_.push_back(firsts[i % firsts.size()]);
      endpoints_.push_back(seconds[i % seconds.size()]);
    }
  }

  std::span<const Endpoint> endpoints() const override { return endpoints_; }
  size_t endpoints_per_attempt() const override { return 2; }
  /// The server that accepts. If both do, the time of one would not be the whole.
  pid_t server() const override { return both_accept_ ? 0 : second_->server(); }
  std::string why_server_failed() const override { return second_->why_server_failed(); }

 private:
  std::unique_ptr<Target> first_;
  std::unique_ptr<Target> second_;
  bool both_accept_;
  std::vector<Endpoint> endpoints_;
};

TargetRequest over(Family family, TargetRequest request) {
  request.family = family;
  return request;
}

std::unique_ptr<Target> open_on_loopback(const TargetRequest& request) {
  return std::make_unique<DualStack>(find_target("backlog-full").open(over(Family::ipv6, request)),
                                     find_target("accepting").open(over(Family::ipv4, request)), false);
}

/// What becomes of the two addresses of a far host: "dead~20ms", "refused~20ms", "300ms~20ms".
struct Pair {
  std::string first;                   ///< "dead", "refused", or the round trip as it was written
  std::optional<Duration> round_trip;  ///< of the first address, where it accepts
  Duration second;                     ///< the round trip of the second
};

Pair parse_pair(std::string_view parameter) {
  const size_t tilde = parameter.find('~');
  if (tilde == std::string_view::npos)
    throw std::invalid_argument(
        fmt::format("'{}' is not valid: expected what becomes of IPv6 and the round trip of IPv4, such as dead~20ms, "
                    "refused~20ms or 300ms~20ms",
                    parameter));
  Pair pair{.first = std::string(parameter.substr(0, tilde)),
            .round_trip = std::nullopt,
            .second = lab::parse_round_trip(parameter.substr(tilde + 1))};
  if (pair.first != "dead" && pair.first != "refused") pair.round_trip = lab::parse_round_trip(pair.first);
  return pair;
}

std::string canonical_pair(std::string_view parameter) {
  const Pair pair = parse_pair(parameter);
  const std::string first = pair.round_trip ? lab::canonical_round_trip(pair.first) : pair.first;
  return fmt::format("{}~{}", first, lab::canonical_round_trip(parameter.substr(parameter.find('~') + 1)));
}

// Both addresses have one port, as those of a name do. A refusal takes as long as the answer of the second address.
std::unique_ptr<Target> open_in_lab(const TargetRequest& request) {
  const Pair pair = parse_pair(request.parameter);
  const lab::Block second = request.lab->add_far({.delay = pair.second / 2});
  const uint16_t port = lab::port_of(second);
  const TargetRequest ipv6 = over(Family::ipv6, request);
  std::unique_ptr<Target> first;
  if (pair.round_trip)
    first = lab::accept_at(ipv6, request.lab->add_far({.delay = *pair.round_trip / 2}), port);
  else if (pair.first == "refused")
    first = lab::unserved(ipv6, request.lab->add_far({.delay = pair.second / 2}), port);
  else
    first = lab::unserved(ipv6, lab::Block::blackhole, port);
  return std::make_unique<DualStack>(std::move(first), lab::accept_at(over(Family::ipv4, request), second, port),
                                     pair.round_trip.has_value());
}

OutcomeSet expected(Family) {
  using enum Outcome;
  return {connected, refused, deadline_exceeded, peer_timeout, cancelled, never_started};
}

}  // namespace

/// `answers` is false: connectors that use only an attempt's first address stay pending.
extern const TargetEntry dual_stack;
const TargetEntry dual_stack{
    .name = "dual-stack",
    .parameter = "D~E",
    .summary =
        "hosts with two addresses: first ::1, which drops SYNs, then IPv4, which accepts; with a parameter, in the "
        "lab: IPv6 dead, refused, or a round trip of D away, IPv4 one of E",
    .families = std::span(ip_families).first<1>(),
    .needs_ipv6 = true,
    .answers = false,
    .canonical = canonical_pair,
    .parameter_needs_lab = true,
    .expected_outcomes = expected,
    .open = [](const TargetRequest& request) -> std::unique_ptr<Target> {
      return request.parameter.empty() ? open_on_loopback(request) : open_in_lab(request);
    },
};

}  // namespace connbench::targets
