#include "harness/connector/registry.h"

namespace connbench {

ConnectionPolicy NamedConnector::policy(ConnectionPolicy run) const {
  if (!options.knows("close") || !options.given("close")) return run;
  run.close = parse_close_mode(options.choice("close"));
  return run;
}

bool NamedConnector::is_same_as(const NamedConnector& other, const ConnectionPolicy& run) const {
  return entry == other.entry && options.equals_except(other.options, "close") &&
         policy(run).close == other.policy(run).close;
}

}  // namespace connbench
