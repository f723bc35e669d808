#include <fmt/format.h>

#include <stdexcept>

#include "harness/targets/far_target.h"

namespace connbench::targets {
namespace {

lab::LinkRule rule_of(std::string_view parameter) {
  const size_t tilde = parameter.find('~');
  if (tilde == std::string_view::npos)
    throw std::invalid_argument(fmt::format("'{}' is not valid: expected a round trip and its jitter", parameter));
  const lab::LinkRule rule{.delay = lab::parse_round_trip(parameter.substr(0, tilde)) / 2,
                           .jitter = lab::parse_round_trip(parameter.substr(tilde + 1)) / 2};
  if (rule.jitter > rule.delay) throw std::invalid_argument("the jitter cannot be longer than the round trip");
  return rule;
}

std::string canonical(std::string_view parameter) {
  rule_of(parameter);
  const size_t tilde = parameter.find('~');
  return fmt::format("{}~{}", lab::canonical_round_trip(parameter.substr(0, tilde)),
                     lab::canonical_round_trip(parameter.substr(tilde + 1)));
}

std::unique_ptr<Target> open_jittered(const TargetRequest& request) {
  return lab::accept_far(request, rule_of(request.parameter));
}

}  // namespace

extern const TargetEntry jittered;
const TargetEntry jittered{
    .name = "jittered",
    .parameter = "D~J",
    .default_value = "20ms~5ms",
    .summary = "accepts after a round trip of D ± J",
    .families = ip_families,
    .needs_lab = true,
    .answers = true,
    .canonical = canonical,
    .expected_outcomes = [](Family) { return OutcomeSet{Outcome::connected}; },
    .open = open_jittered,
};

}  // namespace connbench::targets
