#include "harness/wave/case.h"

#include <gtest/gtest.h>

namespace connbench {
namespace {

using namespace std::chrono_literals;

Case on(std::string target) {
  return {.scenario = "burst",
          .connector = "epoll",
          .target = std::move(target),
          .family = Family::ipv6,
          .concurrency = 256,
          .timeout = 1s};
}

TEST(Case, DescribesItself) {
  EXPECT_EQ(on("accepting").describe(), "epoll on accepting (IPv6, 256 in flight, timeout 1s)");
  EXPECT_EQ(on("accepting").describe_load(), "accepting (IPv6, 256 in flight, timeout 1s)");
}

TEST(Case, MentionsShardsOnlyWhenThereAreSeveral) {
  Case what = on("accepting");
  what.shards = 2;
  EXPECT_EQ(what.describe(), "epoll on accepting (IPv6, 256 in flight in 2 shards, timeout 1s)");
}

TEST(Case, DescribesAUnixSocketWithoutAnIpVersion) {
  Case what = on("accepting");
  what.family = Family::unix_domain;
  EXPECT_EQ(what.describe_load(), "accepting (unix, 256 in flight, timeout 1s)");
}

TEST(Case, OfAFleetIsDescribedByItsScenario) {
  Case fleet = on(std::string(every_target));
  fleet.scenario = "fleet:accepting=90,blackhole=10";
  EXPECT_TRUE(fleet.is_fleet());
  EXPECT_EQ(fleet.destination(), "fleet:accepting=90,blackhole=10");
  EXPECT_EQ(fleet.describe(), "epoll on fleet:accepting=90,blackhole=10 (IPv6, 256 in flight, timeout 1s)");
  EXPECT_FALSE(on("accepting").is_fleet());
  EXPECT_EQ(on("accepting").destination(), "accepting");
}

}  // namespace
}  // namespace connbench
