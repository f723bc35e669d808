#include "harness/exhaust/ramp_child.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "harness/exhaust/meter.h"
#include "harness/lab/capsule.h"
#include "harness/process/child_process.h"
#include "harness/process/descriptor_table.h"
#include "harness/process/shared.h"

namespace connbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration looking_interval = milliseconds(5);
constexpr Duration stop_grace = milliseconds(500);  // how long the child may take to stop on request
constexpr Duration everything_else =
    seconds(40);  // time for set-up, healthy attempts and recovery: a child that takes longer hangs
constexpr size_t most_readings = most_steps + 96;  // the steps, and the readings before the first and at the end

// What the child reports to the parent, in shared memory.
struct Report {
  std::atomic<bool> stop{false};
  std::atomic<size_t> steps{0};  // number of steps written
  std::array<RampStep, most_readings> step{};
  RampEnd end{};
  std::atomic<bool> finished{false};
  char error[512]{};
};

void run(const RampSpec& spec, Report& report) {
  grow_descriptor_table(spec.capacity + 64);
  const Meter meter;
  Retirement retirement(spec.connector->policy(spec.policy), 0);
  const ConnectorSettings settings{spec.connector->options, spec.capacity, retirement};
  RampPlan plan = spec.plan;
  plan.make = [&] { return spec.connector->entry->make(settings); };
  plan.measure = [&] { return meter.read(); };
  plan.on_step = [&](const RampStep& step) {
    const size_t position = std::min(report.steps.load(), most_readings - 1);
    report.step[position] = step;
    report.steps = position + 1;
  };
  plan.stop = &report.stop;
  spec.limit->enter();
  ramp(plan, report.end);
  report.finished = true;
}

[[noreturn]] void child_main(const RampSpec& spec, Report& report, pid_t parent) {
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    ::prctl(PR_SET_NAME, "connbench-ramp");
    ::close_range(3, ~0U, 0);
    if (spec.drop_capabilities) lab::drop_capabilities();
    run(spec, report);
  } catch (const std::exception& error) {
    std::strncpy(report.error, error.what(), sizeof report.error - 1);
  } catch (...) {
    std::strncpy(report.error, "the connector threw something other than a std::exception", sizeof report.error - 1);
  }
  ::_exit(report.finished ? 0 : 1);
}

// Watches the child until it has ended, and kills it when it hangs.
class ChildWatch {
 public:
  ChildWatch(pid_t pid, Duration limit, Report& report, RampParent& parent)
      : child_(pid), report_(report), parent_(parent), kill_at_(now() + limit) {}

  // Returns why the child did not end normally; empty when it did.
  std::string wait_for_end() {
    while (!child_.ended_within(looking_interval)) {
      hand_on(1);  // the newest step may be the final one, which the caller receives separately
      if (!stopping_ && parent_.should_stop()) {
        stopping_ = report_.stop = true;
        kill_at_ = std::min(kill_at_, now() + stop_grace);
      }
      if (now() < kill_at_) continue;
      child_.kill();
      killed_ = true;
      kill_at_ = TimePoint::max();
    }
    const std::string why = reason(child_.collect());
    hand_on(why.empty() ? 1 : 0);
    return why;
  }

 private:
  void hand_on(size_t all_but) {
    for (const size_t known = report_.steps; handed_on_ + all_but < known;) parent_.on_step(report_.step[handed_on_++]);
  }

  std::string reason(int status) const {
    if (stopping_) return "ended by request";
    if (report_.finished) return {};
    if (report_.error[0] != '\0') return report_.error;
    if (killed_) return "it hung and was killed";
    return fmt::format("{} before the ramp was complete", how_it_ended(status));
  }

  ChildProcess child_;
  Report& report_;
  RampParent& parent_;
  TimePoint kill_at_;
  size_t handed_on_ = 0;
  bool stopping_ = false;
  bool killed_ = false;
};

}  // namespace

size_t descriptors_of_a_ramp() noexcept {
  return STDERR_FILENO + 1 + Meter::descriptors;
}

RampResult run_ramp(const RampSpec& spec, RampParent& parent) {
  const Shared<Report> report;
  const pid_t self = ::getpid();
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0) child_main(spec, *report, self);

  RampResult result;
  ChildWatch watch(pid, spec.plan.limit + spec.plan.lasts + everything_else, *report, parent);
  result.failure = watch.wait_for_end();
  result.end = report->end;
  if (result.failure.empty() && report->steps > 0) result.last = report->step[report->steps - 1];
  return result;
}

}  // namespace connbench
