// How many ports a run holds at the same time.
#include "harness/run/destinations.h"

#include <gtest/gtest.h>

#include <string>

namespace connbench {
namespace {

constexpr size_t many = 1'000'000;

constexpr ConnectorEntry idle{.name = "idle", .summary = "", .options = {}, .probe = nullptr, .make = nullptr};

// A run of one connector: 3 repetitions of 2,000 attempts, 256 in flight, without counting waves.
size_t ports_held(const std::string& options, size_t most_time_waits = many, bool count_syscalls = false) {
  const NamedConnector connector{&idle, "idle" + options, Options(options, common_options)};
  const RunRequest request{.connectors = {},
                           .targets = {},
                           .concurrency = {64, 256},
                           .timeouts = {},
                           .repetitions = 3,
                           .count_syscalls = count_syscalls};
  Plan plan;
  PlannedCase planned{.what = {}, .connector = &connector, .target = nullptr, .limit = {}};
  planned.what.attempts = 2'000;
  plan.cases.push_back(planned);
  return most_ports_held(request, plan, most_time_waits);
}

TEST(PortsHeld, OfConnectionsThatAreResetAreThoseInFlight) {
  EXPECT_EQ(ports_held(""), 256U);
}

TEST(PortsHeld, OfConnectionsThatStayOpenAreThoseOfAWave) {
  EXPECT_EQ(ports_held("+close:hold"), 2'000U);
}

TEST(PortsHeld, InTimeWaitAddUpOverAllWaves) {
  EXPECT_EQ(ports_held("+close:fin"), 6'000U);
  EXPECT_EQ(ports_held("+close:fin", many, true), 8'000U) << "the wave that counts system calls leaves some, too";
}

TEST(PortsHeld, InTimeWaitAreNoMoreThanTheKernelKeeps) {
  EXPECT_EQ(ports_held("+close:fin", 5'000), 5'000U);
  EXPECT_EQ(ports_held("+close:fin", 100), 2'000U) << "a wave may leave that many before any is dropped";
}

}  // namespace
}  // namespace connbench
