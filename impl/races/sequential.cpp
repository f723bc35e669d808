// All addresses of a host, one after the other, as given: what a program does that loops over getaddrinfo()'s list.
// Choose it to see what a dead first address costs.
//
// How long one address may take is where programs differ. A plain loop leaves it to the kernel and never comes to the
// second address within any reasonable timeout; a library that is given one timeout for the whole divides it by the
// addresses, as Go's net.Dialer does, and that is the default here: timeout / addresses each, and what is left for the
// last one. `+each:` gives each a fixed time instead; longer than the timeout, it is the plain loop.
#include "impl/races/racing.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec options[] = {{.name = "each",
                                   .kind = OptionSpec::Kind::duration,
                                   .choices = "",
                                   .default_value = "",
                                   .help = "how long each address is tried; otherwise an equal share of the timeout"}};

}  // namespace

extern const ConnectorEntry sequential;
const ConnectorEntry sequential{
    .name = "sequential",
    .summary = "one thread, one epoll loop; the addresses of a host one after the other",
    .options = options,
    .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      RaceRules rules{.one_at_a_time = true, .next_after = {}};
      if (settings.options.given("each")) rules.next_after = settings.options.duration("each");
      return std::make_unique<RacingConnector>(settings, rules);
    },
    .group = "loops",
};

}  // namespace connbench::connectors
