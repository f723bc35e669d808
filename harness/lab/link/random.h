// A reproducible random generator: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
// 2014).
#pragma once

#include <cstdint>

namespace connbench::lab {

/// A bijection in which every bit of the result depends on every bit of `x`.
constexpr uint64_t mix(uint64_t x) noexcept {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
  x = (x ^ x >> 27) * 0x94d049bb133111ebU;
  return x ^ x >> 31;
}

/// A stream of 64-bit numbers determined by its seed. Its state is eight bytes, small enough to keep many.
class Random {
 public:
  constexpr explicit Random(uint64_t seed = 0) noexcept : state_(seed) {}

  constexpr uint64_t next() noexcept { return mix(state_ += 0x9e3779b97f4a7c15U); }
  /// Uniform in [0, bound); `bound` > 0. The bias is below bound / 2^64.
  constexpr uint64_t below(uint64_t bound) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>(Wide{next()} * bound >> 64);
  }

 private:
  uint64_t state_;
};

}  // namespace connbench::lab
