// Properties that must hold for any bytes that arrive at the link.
#pragma once

#include <cstdint>
#include <span>

namespace connbench::lab {

/// Parses `frame`. If it belongs to the lab, creates and parses every possible answer and applies every kind of rule.
/// Aborts when a property is violated.
void check_frame(std::span<const uint8_t> frame);

}  // namespace connbench::lab
