#include "harness/support/seeded_order.h"

#include <numeric>
#include <random>
#include <utility>

namespace connbench {

std::vector<size_t> seeded_order(size_t n, uint64_t seed) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937_64 random(seed);
  for (size_t i = n; i > 1; --i) {
    const uint64_t biased_from = UINT64_MAX - UINT64_MAX % i;  // higher values would favour the low positions
    uint64_t draw = random();
    while (draw >= biased_from) draw = random();
    std::swap(order[i - 1], order[draw % i]);
  }
  return order;
}

}  // namespace connbench
