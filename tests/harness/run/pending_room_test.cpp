#include "harness/run/pending_room.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <string>

#include "harness/lab/lab.h"
#include "harness/process/descriptor_table.h"

namespace connbench {
namespace {

using testing::HasSubstr;

TEST(PendingRoom, InOneTableIsTheLimitMinusTheHarnessDescriptors) {
  EXPECT_EQ(pending_by_descriptors().value, descriptor_limit().value - descriptors_of_the_harness);
}

TEST(PendingRoom, IsZeroWhenTheLimitIsBelowTheHarnessDescriptors) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lowered{.rlim_cur = 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
  const Limit limit = pending_by_descriptors();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(limit.value, 0U);
}

TEST(PendingRoom, IsHalvedWhenAnAttemptCostsTwiceAsMuch) {
  const PendingCost twice{.slab_bytes = 2 * usual_pending_cost.slab_bytes + pending_user_bytes,
                          .tcp_pages = 2 * usual_pending_cost.tcp_pages,
                          .measured = false};
  const auto of_tcp = pending_by_tcp_memory(usual_pending_cost);
  if (!of_tcp) GTEST_SKIP() << "this network namespace does not show net.ipv4.tcp_mem";
  // Other programs on this machine use both at the same time.
  EXPECT_NEAR(double(pending_by_tcp_memory(twice)->value), double(of_tcp->value) / 2, double(of_tcp->value) / 10);
  const auto of_memory = pending_by_memory(usual_pending_cost);
  EXPECT_NEAR(double(pending_by_memory(twice)->value), double(of_memory->value) / 2, double(of_memory->value) / 10);
  EXPECT_THAT(of_tcp->how_to_raise, HasSubstr("sysctl -w net.ipv4.tcp_mem="));
}

TEST(PendingRoom, IsKnownInALabIfItWasNotedBefore) {
  note_tcp_memory();
  if (!pending_by_tcp_memory(usual_pending_cost)) GTEST_SKIP() << "this network namespace does not show it either";
  int inside = -1;
  try {
    inside = lab::run_in_lab({}, [](lab::Lab&) { return pending_by_tcp_memory(usual_pending_cost) ? 0 : 1; });
  } catch (const lab::Unavailable& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_EQ(inside, 0);
}

// On a busy machine there is no result.
TEST(PendingRoom, IsMeasuredInALabOrNotAtAll) {
  const auto cost = measure_pending_cost();
  if (!cost) GTEST_SKIP() << "no lab, or the machine was too busy";
  EXPECT_TRUE(cost->measured);
  EXPECT_GE(cost->slab_bytes, 2'000) << "a TCP socket alone takes more";
}

TEST(PendingRoom, OfPortsCoversTheWholeBlackhole) {
  EXPECT_EQ(pending_by_ports()->value % ephemeral_port_count(), 0U);
  EXPECT_GT(pending_by_ports()->value, ephemeral_port_count());
}

// Only the machine's own network has the sysctl, so its advice is checked by its arithmetic.
TEST(PendingRoom, OfTcpMemoryIsAMillionWithTheAdvisedLimit) {
  const PendingCost cost = usual_pending_cost;
  const auto limit = pending_by_tcp_memory(cost);
  if (!limit) GTEST_SKIP() << "this network does not show net.ipv4.tcp_mem";
  const size_t last = limit->how_to_raise.rfind(' ') + 1;
  EXPECT_GE(std::stod(limit->how_to_raise.substr(last)) / cost.tcp_pages, 1e6);
}

}  // namespace
}  // namespace connbench
