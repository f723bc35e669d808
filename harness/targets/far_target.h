// Targets across the link: what is common to them is a block of addresses and a rule.
#pragma once

#include <memory>
#include <string_view>

#include "harness/lab/lab.h"
#include "harness/targets/accept_server.h"
#include "harness/targets/target.h"

namespace connbench::lab {

/// What the blackhole has for destinations: a /17 but for its router, and a margin.
inline constexpr size_t blackhole_addresses = 31'999;

/// A far host that accepts and holds connections, under `rule`. @throws std::system_error
std::unique_ptr<Target> accept_far(const TargetRequest& request, const LinkRule& rule);

/// A far host on whose port nobody listens: its own kernel answers, if the rule lets it.
std::unique_ptr<Target> unserved_far(const TargetRequest& request, const LinkRule& rule);

/// Addresses of a block that is on the client's side, and that nobody serves.
std::unique_ptr<Target> unserved(const TargetRequest& request, Block block);

/// "20ms" as a round trip: half of it in each direction. @throws std::invalid_argument
Duration parse_round_trip(std::string_view text);

/// For TargetEntry::check.
void check_round_trip(std::string_view text);
/// How often something is lost: 1 to 10. @throws std::invalid_argument
uint8_t parse_losses(std::string_view text);
void check_losses(std::string_view text);

}  // namespace connbench::lab
