// Targets whose servers run on other hosts of a cluster.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/targets/target.h"

namespace connbench {

/// Whether a host can serve the target for others: it is neither in a lab nor a host outside.
bool can_be_served(const NamedTarget& target) noexcept;

/// What the other hosts serve, and where.
class ServedElsewhere {
 public:
  /// Adds the endpoints of one more server of `target`.
  void add(const std::string& target, Family family, const std::vector<Endpoint>& endpoints);
  /// Why nobody serves it; nullopt when somebody does.
  std::optional<std::string> why_not(const NamedTarget& target, Family family) const;
  /// All its servers as one target, whose servers cost this machine nothing.
  std::unique_ptr<Target> open(const NamedTarget& target, Family family) const;

 private:
  std::map<std::pair<std::string, Family>, std::vector<Endpoint>> served_;
};

}  // namespace connbench
