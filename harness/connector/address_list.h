// Lists of IP addresses, as they are written in a connector's name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"

namespace connbench {

/// More client addresses than anyone needs: 4096 of them reach 230 million ports.
inline constexpr size_t most_addresses_in_a_list = 4096;

/// Addresses and ranges of addresses, separated by '~': "127.0.0.2", "127.0.0.2..127.0.0.9~127.1.0.1". A comma would
/// end the connector's name. The ports are 0. The ends of a range differ in their last 32 bits only.
/// @throws std::invalid_argument
std::vector<Endpoint> parse_address_list(std::string_view text);

/// The same addresses with each one in its shortest spelling. @throws std::invalid_argument
std::string canonical_address_list(std::string_view text);

/// An address without its port, in the shortest spelling.
std::string address_text(const Endpoint& address);

}  // namespace connbench
