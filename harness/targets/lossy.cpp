#include <fmt/format.h>

#include <stdexcept>

#include "harness/support/quantity.h"
#include "harness/targets/connected_eventually.h"
#include "harness/targets/far_target.h"

namespace connbench::targets {
namespace {

constexpr unsigned decimals = 4;  // a percentage with four of them is a whole number of losses per million

uint32_t losses_per_million(std::string_view parameter) {
  if (!parameter.ends_with('%'))
    throw std::invalid_argument(fmt::format("'{}' is not valid: expected a percentage with its sign", parameter));
  parameter.remove_suffix(1);
  return static_cast<uint32_t>(parse_percent(parameter, decimals, {1, 1'000'000}));
}

std::string canonical(std::string_view parameter) {
  return format_percent(losses_per_million(parameter), decimals) + '%';
}

}  // namespace

extern const TargetEntry lossy;
const TargetEntry lossy{
    .name = "lossy",
    .parameter = "P%",
    .default_value = "10%",
    .summary = "accepts; packets are lost with probability P, in both directions",
    .families = ip_families,
    .needs_lab = true,
    .answers = false,
    .canonical = canonical,
    .expected_outcomes = connected_eventually,
    .open =
        [](const TargetRequest& request) {
          return lab::accept_far(request, {.lose_per_million = losses_per_million(request.parameter)});
        },
};

}  // namespace connbench::targets
