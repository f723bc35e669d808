#include "harness/wave/share.h"

#include <gmock/gmock.h>

#include "harness/wave/division.h"

namespace connbench {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<int64_t> dues(std::unique_ptr<Pacing> pacing, size_t count) {
  std::vector<int64_t> times;
  for (size_t i = 0; i < count; ++i) times.push_back(pacing->next_due().count());
  return times;
}

std::vector<Endpoint> endpoints(size_t count) {
  std::vector<Endpoint> all;
  for (size_t i = 0; i < count; ++i) all.push_back(Endpoint::ipv4(0x0a000001, static_cast<uint16_t>(1000 + i)));
  return all;
}

TEST(ShareOfAWave, HasEveryNthAttempt) {
  Case all;
  all.attempts = 103;
  all.concurrency = 8;
  all.hosts = 3;
  size_t attempts = 0, concurrency = 0;
  for (size_t host = 0; host < 3; ++host) {
    const Case part = part_of(all, {host, 3});
    EXPECT_EQ(part.hosts, 1U);
    attempts += part.attempts;
    concurrency += part.concurrency;
  }
  EXPECT_EQ(attempts, 103U);
  EXPECT_EQ(concurrency, 8U);
}

TEST(ShareOfAWave, HasTheArrivalsOfOneMachine) {
  const auto all = dues(poisson_arrivals(1000, 7), 12);
  for (size_t host = 0; host < 3; ++host) {
    const auto part = dues(part_of(poisson_arrivals(1000, 7), {host, 3}), 4);
    EXPECT_THAT(part, ElementsAre(all[host], all[host + 3], all[host + 6], all[host + 9]));
  }
}

// The shards of a host divide what the host has: the same attempts as without hosts.
TEST(ShareOfAWave, IsDividedAgain) {
  const auto all = dues(poisson_arrivals(1000, 7), 12);
  const auto inner = dues(part_of(part_of(poisson_arrivals(1000, 7), {1, 3}), {1, 2}), 2);
  EXPECT_THAT(inner, ElementsAre(all[4], all[10]));
}

TEST(ShareOfAWave, GoesToTheDestinationsOfOneMachine) {
  const auto all = endpoints(4);
  for (size_t host = 0; host < 3; ++host) {
    const auto own = part_of(all, 1, {host, 3});
    for (size_t j = 0; j < 20; ++j)
      EXPECT_EQ(own[j % own.size()], all[(j * 3 + host) % all.size()]) << host << " " << j;
    const auto inner = part_of(own, 1, {1, 2});
    for (size_t k = 0; k < 20; ++k) EXPECT_EQ(inner[k % inner.size()], all[((k * 2 + 1) * 3 + host) % all.size()]);
  }
}

TEST(ShareOfAWave, HasTheRoutesOfItsAttempts) {
  const auto all = endpoints(5);
  std::vector<std::span<const Endpoint>> routes;
  for (const Endpoint& endpoint : all) routes.emplace_back(&endpoint, 1);
  const auto own = part_of(routes, {1, 2});
  ASSERT_EQ(own.size(), 2U);
  EXPECT_EQ(own[0].front(), all[1]);
  EXPECT_EQ(own[1].front(), all[3]);
  EXPECT_THAT(part_of(std::span<const std::span<const Endpoint>>(), {1, 2}), IsEmpty());
}

// A wave of several hosts lies in memory as one of hosts × shards parts, and each part of it as in its own host.
TEST(ShareOfAWave, LiesInMemoryAsInItsHost) {
  const size_t hosts = 3, shards = 2;
  for (const size_t attempts : {1U, 5U, 6U, 103U}) {
    const Division whole{attempts, hosts * shards};
    for (size_t host = 0; host < hosts; ++host) {
      const Division own{Division{attempts, hosts}.count(host), shards};
      for (size_t shard = 0; shard < shards; ++shard) EXPECT_EQ(own.count(shard), whole.count(shard * hosts + host));
      for (size_t j = 0; j < own.attempts; ++j)
        EXPECT_EQ(whole.shard_of(j * hosts + host), own.shard_of(j) * hosts + host);
    }
  }
}

}  // namespace
}  // namespace connbench
