#include <charconv>
#include <stdexcept>

#include "harness/targets/connected_eventually.h"
#include "harness/targets/far_target.h"

namespace connbench::targets {
namespace {

uint32_t losses_per_million(std::string_view parameter) {
  double percent = 0;
  const char* const end = parameter.data() + parameter.size();
  const auto [stop, error] = std::from_chars(parameter.data(), end, percent);
  if (error != std::errc() || stop + 1 != end || *stop != '%' || !(percent > 0 && percent <= 100))
    throw std::invalid_argument("a share above 0% and up to 100%");
  return static_cast<uint32_t>(percent * 10'000);
}

void check(std::string_view parameter) {
  losses_per_million(parameter);
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
    .check = check,
    .expected_outcomes = connected_eventually,
    .open =
        [](const TargetRequest& request) {
          return lab::accept_far(request, {.lose_per_million = losses_per_million(request.parameter)});
        },
};

}  // namespace connbench::targets
