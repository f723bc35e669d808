// Benchmark programs that a signal stops while they measure in a lab.
#include <gmock/gmock.h>

#include "harness/lab/lab.h"
#include "tests/bench/program.h"

namespace connbench {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Google Benchmark would report a benchmark without figures, and begin the next one.
TEST(StoppingBenchmarks, EndsThemByTheSameSignal) {
  if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Program program({CONNBENCH_PROGRAMS "/lab_bench", "--benchmark_filter=blackhole/10000"});
    // The lab is there: the program, its supervisors and the link.
    wait_until(program, [&] { return processes_of_session(program.pid()).size() >= 4; });
    ::kill(program.pid(), signal);
    const Ended ended = program.wait();
    EXPECT_EQ(ended.signal, signal) << ended.err;
    EXPECT_THAT(ended.out, Not(HasSubstr("still_pending_share")));
    EXPECT_THAT(program.left_behind(), IsEmpty());
  }
}

}  // namespace
}  // namespace connbench
