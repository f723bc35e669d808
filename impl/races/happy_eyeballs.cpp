// RFC 8305: all addresses of a host, the next one 250 ms after the one before, until the first connects. Choose it for
// hosts that have several addresses of which one may be dead, as an IPv6 address behind a broken tunnel is: it costs
// the stagger instead of the timeout.
//
// Sorting by RFC 6724 is the resolver's, and done; the families take turns here.
#include "impl/races/racing.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec options[] = {{.name = "stagger",
                                   .kind = OptionSpec::Kind::duration,
                                   .choices = "",
                                   .default_value = "250ms",  // RFC 8305, section 8: Connection Attempt Delay
                                   .help = "how long one address is tried before the next joins in"}};

}  // namespace

extern const ConnectorEntry happy_eyeballs;
const ConnectorEntry happy_eyeballs{
    .name = "happy-eyeballs",
    .summary = "one thread, one epoll loop; all addresses of a host in a staggered race (RFC 8305)",
    .options = options,
    .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<RacingConnector>(
          settings, RaceRules{.families_take_turns = true, .next_after = settings.options.duration("stagger")});
    },
    .group = "loops",
};

}  // namespace connbench::connectors
