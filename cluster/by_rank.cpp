#include "cluster/by_rank.h"

#include <numeric>

namespace connbench::cluster {

std::vector<int64_t> find_by_rank(std::vector<Sought> sought, const CountUpTo& count) {
  while (true) {
    std::vector<Sought*> open;
    std::vector<Question> questions;
    for (Sought& one : sought) {
      if (one.low == one.high) continue;
      open.push_back(&one);
      questions.push_back({one.distribution, std::midpoint(one.low, one.high)});
    }
    if (open.empty()) break;
    const std::vector<size_t> counts = count(questions);
    for (size_t i = 0; i < open.size(); ++i) {
      if (counts.at(i) >= open[i]->rank)
        open[i]->high = questions[i].value;
      else
        open[i]->low = questions[i].value + 1;
    }
  }
  std::vector<int64_t> found;
  found.reserve(sought.size());
  for (const Sought& one : sought) found.push_back(one.low);
  return found;
}

}  // namespace connbench::cluster
