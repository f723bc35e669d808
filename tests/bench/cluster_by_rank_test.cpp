// Percentiles over several hosts are those of all values together.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>

#include "cluster/by_rank.h"
#include "harness/support/statistics.h"

namespace connbench {
namespace {

using Values = std::vector<int64_t>;

/// Three hosts, each with some of the values of some distributions.
class ThreeHosts {
 public:
  explicit ThreeHosts(const std::vector<Values>& distributions) {
    for (auto& host : hosts_) host.resize(distributions.size());
    for (size_t d = 0; d < distributions.size(); ++d)
      for (size_t i = 0; i < distributions[d].size(); ++i) hosts_[i * i % 3][d].push_back(distributions[d][i]);
  }
  std::vector<size_t> count(const std::vector<cluster::Question>& questions) {
    ++rounds_;
    std::vector<size_t> counts(questions.size(), 0);
    for (const auto& host : hosts_)
      for (size_t i = 0; i < questions.size(); ++i)
        counts[i] += static_cast<size_t>(std::ranges::count_if(
            host[questions[i].distribution], [&](int64_t value) { return value <= questions[i].value; }));
    return counts;
  }
  size_t rounds() const { return rounds_; }

 private:
  std::array<std::vector<Values>, 3> hosts_;
  size_t rounds_ = 0;
};

TEST(ByRank, FindsWhatAllValuesTogetherHaveThere) {
  std::mt19937_64 random(7);
  std::vector<Values> distributions(3);
  for (size_t i = 0; i < 1000; ++i) {
    distributions[0].push_back(static_cast<int64_t>(random() % 1'000'000'000));
    distributions[1].push_back(static_cast<int64_t>(random() % 5) - 3);  // early timeouts are negative
    distributions[2].push_back(static_cast<int64_t>(random()));
  }
  distributions[2].push_back(std::numeric_limits<int64_t>::min());
  distributions[2].push_back(std::numeric_limits<int64_t>::max());
  std::vector<cluster::Sought> sought;
  Values expected;
  for (size_t d = 0; d < distributions.size(); ++d) {
    Values& values = distributions[d];
    const auto [least, most] = std::ranges::minmax(values);
    for (const double q : {0.001, 0.5, 0.99, 1.0}) {
      Values copy = values;
      sought.push_back(
          {.distribution = d, .rank = nearest_rank(values.size(), q).value_or(1), .low = least, .high = most});
      expected.push_back(quantile(copy, q).value_or(least));
    }
  }
  ThreeHosts hosts(distributions);
  EXPECT_EQ(cluster::find_by_rank(sought, [&](const auto& questions) { return hosts.count(questions); }), expected);
  EXPECT_LE(hosts.rounds(), 64U);
}

TEST(ByRank, AsksNothingWhereThereIsOneValue) {
  ThreeHosts hosts({{5, 5, 5}});
  const auto count = [&](const std::vector<cluster::Question>& questions) { return hosts.count(questions); };
  EXPECT_EQ(cluster::find_by_rank({{.distribution = 0, .rank = 2, .low = 5, .high = 5}}, count), Values{5});
  EXPECT_EQ(cluster::find_by_rank({}, count), Values{});
  EXPECT_EQ(hosts.rounds(), 0U);
}

}  // namespace
}  // namespace connbench
