// RFC 8305: tries all addresses of a host, each 250 ms after the one before, until one connects. Choose it for hosts
// with several addresses, one of which may be dead (for example IPv6 behind a broken tunnel): a dead address then costs
// the stagger instead of the timeout.
//
// The resolver has already sorted the addresses by RFC 6724. Alternating the address families happens here.
#include "impl/races/racing.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec own_options[] = {{.name = "stagger",
                                       .kind = OptionSpec::Kind::duration,
                                       .choices = "",
                                       .default_value = "250ms",  // RFC 8305, section 8: Connection Attempt Delay
                                       .help = "delay between the start of one try and the start of the next",
                                       .most = "1440min"}};
constexpr auto options = with_socket_options(own_options);

}  // namespace

extern const ConnectorEntry happy_eyeballs;
const ConnectorEntry happy_eyeballs{
    .name = "happy-eyeballs",
    .summary = "one thread, one epoll loop; all addresses of a host in a staggered race (RFC 8305)",
    .options = options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<RacingConnector>(
          settings, RaceRules{.alternate_families = true, .next_after = settings.options.duration("stagger")});
    },
    .group = "loops",
};

}  // namespace connbench::connectors
