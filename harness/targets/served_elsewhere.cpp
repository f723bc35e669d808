#include "harness/targets/served_elsewhere.h"

#include <fmt/format.h>

#include "harness/targets/external.h"

namespace connbench {
namespace {

class Elsewhere final : public Target {
 public:
  explicit Elsewhere(const std::vector<Endpoint>& endpoints) : endpoints_(endpoints) {}

  std::span<const Endpoint> endpoints() const override { return endpoints_; }
  pid_t server() const override { return 0; }

 private:
  std::vector<Endpoint> endpoints_;
};

}  // namespace

bool can_be_served(const NamedTarget& target) noexcept {
  // dual-stack is two targets under one name, of which one needs a lab's silence.
  return !target.needs_lab() && !target.entry->needs_ipv6 && target.entry != &external_target;
}

void ServedElsewhere::add(const std::string& target, Family family, const std::vector<Endpoint>& endpoints) {
  auto& all = served_[{target, family}];
  all.insert(all.end(), endpoints.begin(), endpoints.end());
}

std::optional<std::string> ServedElsewhere::why_not(const NamedTarget& target, Family family) const {
  if (served_.contains({target.name, family})) return std::nullopt;
  return fmt::format("no host serves {} over family {}", target.name, to_string(family));
}

std::unique_ptr<Target> ServedElsewhere::open(const NamedTarget& target, Family family) const {
  return std::make_unique<Elsewhere>(served_.at({target.name, family}));
}

}  // namespace connbench
