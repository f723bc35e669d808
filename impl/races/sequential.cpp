// Tries all addresses of a host one after the other, in the order given, like a program that loops over the result of
// getaddrinfo(). Choose it to see what a dead first address costs.
//
// Programs differ in how long they try one address. A plain loop leaves that to the kernel and never reaches the second
// address within any reasonable timeout. A library that is given one timeout for all addresses divides it, as Go's
// net.Dialer does, and that is the default here: each address gets timeout / addresses, and the last one all that is
// left. `+each:` gives each address a fixed time instead; if that is longer than the timeout, it is the plain loop.
#include "impl/races/racing.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec own_options[] = {{.name = "each",
                                       .kind = OptionSpec::Kind::duration,
                                       .choices = "",
                                       .default_value = "",
                                       .help = "time to try each address; by default an equal share of the timeout",
                                       .least = "1ns",
                                       .most = "1440min"}};
constexpr auto options = with_socket_options(own_options);

}  // namespace

extern const ConnectorEntry sequential;
const ConnectorEntry sequential{
    .name = "sequential",
    .summary = "one thread, one epoll loop; tries the addresses of a host one after the other",
    .options = options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      RaceRules rules{.one_at_a_time = true, .next_after = {}};
      if (settings.options.given("each")) rules.next_after = settings.options.duration("each");
      return std::make_unique<RacingConnector>(settings, rules);
    },
    .group = "loops",
};

}  // namespace connbench::connectors
