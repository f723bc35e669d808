#include "harness/exhaust/ramp_child.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "harness/exhaust/meter.h"
#include "harness/process/descriptor_table.h"
#include "harness/process/measured_child.h"
#include "harness/process/shared.h"

namespace connbench {
namespace {

// Time for set-up, healthy attempts and recovery: a child that takes longer hangs.
constexpr Duration everything_else = std::chrono::seconds(40);
constexpr size_t most_readings = most_steps + 96;  // the steps, and the readings before the first and at the end

// What the child reports to the parent, in shared memory.
struct Report : ChildReport {
  std::atomic<size_t> steps{0};  // number of steps written
  std::array<RampStep, most_readings> step{};
  RampEnd end{};
};

void run_here(const RampSpec& spec, RampPlan& plan, RampEnd& end) {
  grow_descriptor_table(spec.capacity + descriptors_of_the_harness);
  const Meter meter;
  Retirement retirement(spec.connector->policy(spec.policy), 0);
  const ConnectorSettings settings{spec.connector->options, spec.capacity, retirement};
  plan.make = [&] { return spec.connector->entry->make(settings); };
  plan.measure = [&] { return meter.read(); };
  spec.limit->enter();
  ramp(plan, end);
}

void run(const RampSpec& spec, Report& report) {
  RampPlan plan = spec.plan;
  plan.on_step = [&](const RampStep& step) {
    const size_t position = std::min(report.steps.load(), most_readings - 1);
    report.step[position] = step;
    report.steps = position + 1;
  };
  plan.stop = &report.stop;
  spec.elsewhere ? spec.elsewhere(plan, report.end) : run_here(spec, plan, report.end);
  report.finished = true;
}

// Hands the readings to the parent as they appear. The newest is held back while the child runs: it may be the last,
// which is not only a reading.
class StepFeed {
 public:
  StepFeed(const Report& report, RampParent& parent) : report_(report), parent_(parent) {}

  void hand_on(size_t all_but) {
    for (const size_t known = report_.steps; handed_on_ + all_but < known;) parent_.on_step(report_.step[handed_on_++]);
  }

 private:
  const Report& report_;
  RampParent& parent_;
  size_t handed_on_ = 0;
};

}  // namespace

size_t descriptors_of_a_ramp() noexcept {
  return STDERR_FILENO + 1 + Meter::descriptors;
}

RampResult run_ramp(const RampSpec& spec, RampParent& parent) {
  const Shared<Report> report;
  const pid_t self = ::getpid();
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0)
    run_measured_child({.parent = self, .drop_capabilities = spec.drop_capabilities}, report->error, [&] {
      ::prctl(PR_SET_NAME, "connbench-ramp");
      run(spec, *report);
    });

  RampResult result;
  ChildWatch watch(pid, now() + spec.plan.limit + spec.plan.lasts + everything_else, *report);
  StepFeed feed(*report, parent);
  Duration suspended = parent.suspended();
  const auto look = [&] {
    feed.hand_on(1);
    const Duration before = std::exchange(suspended, parent.suspended());
    watch.postpone(suspended - before);
  };
  watch.wait_for_end(look, [&] { return parent.should_stop(); });
  result.failure = watch.stopping() ? "ended by request" : watch.failure("the ramp", "it hung and was killed");
  feed.hand_on(result.failure.empty() ? 1 : 0);
  result.end = report->end;
  if (result.failure.empty() && report->steps > 0) result.last = report->step[report->steps - 1];
  return result;
}

}  // namespace connbench
