// Reads and writes numbers in network byte order at any alignment.
#pragma once

#include <cstddef>
#include <cstdint>

namespace connbench::lab {

inline uint16_t load16(const uint8_t* at) noexcept {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}
inline uint32_t load32(const uint8_t* at) noexcept {
  return uint32_t{load16(at)} << 16 | load16(at + 2);
}
inline void store16(uint8_t* at, size_t value) noexcept {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

}  // namespace connbench::lab
