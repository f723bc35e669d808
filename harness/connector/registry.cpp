#include "harness/connector/registry.h"

namespace connbench {

ConnectionPolicy NamedConnector::policy(ConnectionPolicy run) const {
  if (options.knows("close") && options.given("close")) run.close = parse_close_mode(options.choice("close"));
  run.protocol = options.knows("protocol") && options.choice("protocol") != "tcp";
  return run;
}

}  // namespace connbench
