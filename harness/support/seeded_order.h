// A random order that depends only on the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace connbench {

/// A permutation of 0 … n−1. The same seed gives the same one everywhere; std::shuffle differs between libraries.
std::vector<size_t> seeded_order(size_t n, uint64_t seed);

}  // namespace connbench
