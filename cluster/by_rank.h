// Finds values by their rank among those that several hosts have, without bringing them together: by bisection,
// asking each host how many of its values are at most a given one. The answers are exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace connbench::cluster {

/// A value that is looked for.
struct Sought {
  size_t distribution;  ///< among whose values: any number
  size_t rank;          ///< its place in ascending order, from 1
  int64_t low, high;    ///< the least and the greatest of these values
};

struct Question {
  size_t distribution;
  int64_t value;
};

/// Says for each question how many values of the distribution are at most `value`, on all hosts together.
using CountUpTo = std::function<std::vector<size_t>(const std::vector<Question>&)>;

/// All values, in the order in which they are sought. Everything is asked at once, so that this takes as many rounds as
/// the widest distribution has bits: about 30 for latencies.
std::vector<int64_t> find_by_rank(std::vector<Sought> sought, const CountUpTo& count);

}  // namespace connbench::cluster
