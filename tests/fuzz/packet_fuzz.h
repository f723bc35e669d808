// What must hold for any bytes that arrive at the link.
#pragma once

#include <cstdint>
#include <span>

namespace connbench::lab {

/// Parses `frame`, and if it is one of the lab's, makes every answer to it, parses that too, and counts it where
/// handshakes are counted. Aborts when something is out of bounds that must not be.
void check_frame(std::span<const uint8_t> frame);

}  // namespace connbench::lab
