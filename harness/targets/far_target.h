// Helpers for targets across the link. They all consist of a block of addresses and a rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "harness/lab/lab.h"
#include "harness/targets/accept_server.h"
#include "harness/targets/target.h"

namespace connbench::lab {

/// The blackhole's addresses: a /17 without its router and a margin.
inline constexpr size_t blackhole_addresses = 31'999;

/// Whether a far host gives clients that ask for one a cookie for TCP Fast Open.
enum class Fastopen : uint8_t { refused, granted };

/// A far host that accepts and holds connections, under `rule`. @throws std::system_error
std::unique_ptr<Target> accept_far(const TargetRequest& request, const LinkRule& rule,
                                   Fastopen fastopen = Fastopen::refused);
/// The same in a block that has its rule already, on a port of choice.
std::unique_ptr<Target> accept_at(const TargetRequest& request, Block block, uint16_t port,
                                  Fastopen fastopen = Fastopen::refused);
/// A port that only the servers of this far block use.
uint16_t port_of(Block block) noexcept;

/// A far host without a listener: its own kernel answers, if the rule lets it.
std::unique_ptr<Target> unserved_far(const TargetRequest& request, const LinkRule& rule);

/// Addresses of a block that no server handles, on the port "discard" (RFC 863) or another where nothing listens.
std::unique_ptr<Target> unserved(const TargetRequest& request, Block block, uint16_t port = 9);

/// Parses a round trip of at most 10 s, such as "20ms". @throws std::invalid_argument
Duration parse_round_trip(std::string_view text);

/// For TargetEntry::canonical.
std::string canonical_round_trip(std::string_view text);
/// Parses the number of losses, 1 to 10. @throws std::invalid_argument
uint8_t parse_losses(std::string_view text);
std::string canonical_losses(std::string_view text);

}  // namespace connbench::lab
