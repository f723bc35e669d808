// What the hosts of a cluster tell the conductor arrives as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/wave_json.h"

namespace connbench {
namespace {

using testing::ElementsAre;

cluster::Json on_the_wire(cluster::Json message) {
  message["is"] = "said";
  return cluster::from_wire(cluster::to_wire(message));
}

TEST(ClusterMessages, AResultOfAWaveWithAGivenTime) {
  WaveResult result;
  result.started_ns = 5;
  result.usage.cpu_ns = 7;
  result.offered = {3, 1};
  result.by_time = true;
  result.failure = "none";
  const WaveResult read = cluster::read_result(on_the_wire(cluster::json_of(result)));
  EXPECT_EQ(read.started_ns, 5);
  EXPECT_EQ(read.usage.cpu_ns, 7);
  EXPECT_EQ(read.usage.server_cpu_ns, -1) << "not known";
  EXPECT_THAT(read.offered, ElementsAre(3, 1));
  EXPECT_TRUE(read.by_time);
  EXPECT_EQ(read.failure, "none");
}

TEST(ClusterMessages, SamplesWithTheirPortsAndProtocols) {
  std::vector<Sample> samples(3);
  samples[1].local_port = 40'000;
  samples[2].protocol = Protocol::mptcp;
  const auto [first, read] = cluster::read_samples(on_the_wire(cluster::samples_message(samples, 9)));
  EXPECT_EQ(first, 9U);
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[1].local_port, 40'000);
  EXPECT_EQ(read[2].protocol, Protocol::mptcp);
}

TEST(ClusterMessages, WhatIsCountedOfSomeAttempts) {
  Tally tally;
  tally.samples = 5;
  tally.outcomes[static_cast<size_t>(Outcome::refused)] = 3;
  tally.arrivals = {.offered = 4, .started = 3, .completed = 2, .late = 1};
  tally.ended_ns = 7;
  tally.open_end = true;
  tally.connecting_sum_ns = 0.1;
  const Tally read = cluster::read_tally(on_the_wire(cluster::json_of(tally)));
  EXPECT_EQ(read.samples, 5U);
  EXPECT_EQ(read.outcomes, tally.outcomes);
  EXPECT_EQ(read.arrivals.offered, 4U);
  EXPECT_EQ(read.arrivals.started, 3U);
  EXPECT_EQ(read.arrivals.completed, 2U);
  EXPECT_EQ(read.arrivals.late, 1U);
  EXPECT_EQ(read.began_ns, tally.began_ns) << "none began";
  EXPECT_EQ(read.ended_ns, 7);
  EXPECT_TRUE(read.open_end);
  EXPECT_EQ(read.connecting_sum_ns, 0.1);
}

TEST(ClusterMessages, TheFitnessOfAMachine) {
  const MachineFitness fitness{.seen = {.processors = 4, .ready = 1.5, .throttling = {.times = 2, .total_ns = 3}},
                               .unfit = {"others ran"}};
  const MachineFitness read = cluster::read_fitness(on_the_wire(cluster::json_of(fitness)));
  EXPECT_EQ(read.seen.processors, 4U);
  EXPECT_EQ(read.seen.ready, 1.5);
  EXPECT_EQ(read.seen.steal_share, std::nullopt);
  EXPECT_EQ(read.seen.throttling.times, 2);
  EXPECT_EQ(read.seen.throttling.total_ns, 3);
  EXPECT_THAT(read.unfit, ElementsAre("others ran"));
}

TEST(ClusterMessages, WhatWasTakenFromTwoMachinesTogether) {
  const Interference one{.processors = 1, .ready = 1, .steal_share = 0.4, .throttling = {.times = 1, .total_ns = 10}};
  const Interference other{.processors = 3, .ready = 2, .steal_share = 0};
  const Interference both = cluster::sum_of(one, other);
  EXPECT_EQ(both.processors, 4U);
  EXPECT_EQ(both.ready, 3);
  EXPECT_EQ(both.steal_share, 0.1) << "of all processors";
  EXPECT_EQ(both.throttling.times, -1) << "one of them does not know";
}

}  // namespace
}  // namespace connbench
