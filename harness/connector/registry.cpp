#include "harness/connector/registry.h"

namespace connbench {

ConnectionPolicy NamedConnector::policy(ConnectionPolicy run) const {
  if (!options.knows("close") || !options.given("close")) return run;
  const std::string_view close = options.choice("close");
  run.close = close == "rst" ? CloseMode::rst : close == "fin" ? CloseMode::fin : CloseMode::hold;
  return run;
}

}  // namespace connbench
