#include "harness/machine/interference.h"

#include <gmock/gmock.h>

#include "tests/support/busy_processes.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Interference quiet{.processors = 4, .ready = 0.2, .steal_share = 0.001};

TEST(Interference, ThatIsSmallLeavesTheMachineFit) {
  EXPECT_THAT(why_unfit(quiet), IsEmpty());
  EXPECT_THAT(why_unfit({}), IsEmpty()) << "nothing is known";
}

// With the client, the load is one more.
TEST(Interference, ByLoadBeginsWhereNoProcessorIsLeft) {
  Interference seen = quiet;
  seen.ready = 3.4;
  EXPECT_THAT(why_unfit(seen), IsEmpty());
  seen.ready = 3.5;
  EXPECT_THAT(why_unfit(seen), ElementsAre(AllOf(HasSubstr("kept 3.5 threads ready to run on 4 processors"),
                                                 HasSubstr("above the number of processors"))));
}

TEST(Interference, ByAHypervisorIsSaidAboveOnePercent) {
  Interference seen = quiet;
  seen.steal_share = 0.01;
  EXPECT_THAT(why_unfit(seen), IsEmpty());
  seen.steal_share = 0.034;
  EXPECT_THAT(why_unfit(seen), ElementsAre(HasSubstr("gave 3.4 % of the processors' time")));
}

TEST(Interference, ByAQuotaIsSaidWhereItStoppedTheRunOrMayHave) {
  Interference seen = quiet;
  seen.quota = CpuQuota{.processors = 1.5, .name = "cpu.max", .how_to_raise = "echo max"};
  seen.throttling = {.times = 0, .total_ns = 0};
  EXPECT_THAT(why_unfit(seen), IsEmpty());
  seen.throttling = {.times = 12, .total_ns = 340'000'000};
  EXPECT_THAT(why_unfit(seen), ElementsAre(AllOf(HasSubstr("the quota of 1.5 processors (cpu.max) stopped it 12 times"),
                                                 HasSubstr("340 ms"), HasSubstr("echo max"))));
  seen.throttling = {};
  EXPECT_THAT(why_unfit(seen), ElementsAre(HasSubstr("may have stopped it")));
}

TEST(Interference, OfOtherProgramsIsSeenAtOnce) {
  const BusyProcesses busy(3);
  InterferenceWatch watch;
  for (int i = 0; i < 10; ++i) watch.look();
  const auto ready = watch.seen().ready;
  if (!ready) GTEST_SKIP() << "/proc/loadavg does not say";
  EXPECT_GE(*ready, 3);
  EXPECT_EQ(ready_threads_of_others(1'000'000), 0) << "own threads are not those of others";
}

}  // namespace
}  // namespace connbench
