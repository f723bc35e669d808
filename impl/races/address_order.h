// The order in which the addresses of one host are tried.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "harness/connector/endpoint.h"

namespace connbench {

/// The address to try at `position` (from 0) when address families alternate: RFC 8305, section 4, with a First Address
/// Family Count of 1. The first address decides which family goes first. Each family keeps its own order, and the rest
/// of the longer one comes last. Takes time linear in the number of addresses, which is small.
inline const Endpoint& interleaved(std::span<const Endpoint> addresses, size_t position) noexcept {
  const sa_family_t first = addresses.front().family();
  const auto is_first = [first](const Endpoint& endpoint) { return endpoint.family() == first; };
  const auto of_first = static_cast<size_t>(std::ranges::count_if(addresses, is_first));
  const size_t pairs = std::min(of_first, addresses.size() - of_first);
  const bool in_pair = position < 2 * pairs;
  const bool wanted = in_pair ? position % 2 == 0 : of_first > pairs;
  size_t skip = in_pair ? position / 2 : position - pairs;
  for (const Endpoint& endpoint : addresses)
    if (is_first(endpoint) == wanted && skip-- == 0) return endpoint;
  return addresses.front();
}

}  // namespace connbench
