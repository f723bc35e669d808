#include "harness/connector/registry.h"

namespace connbench {

ConnectionPolicy NamedConnector::policy(ConnectionPolicy run) const {
  if (!options.knows("close") || !options.given("close")) return run;
  run.close = parse_close_mode(options.choice("close"));
  return run;
}

}  // namespace connbench
