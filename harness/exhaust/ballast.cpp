#include "harness/exhaust/ballast.h"

#include <sched.h>

#include <algorithm>

#include "harness/process/descriptor_table.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

constexpr Duration reaping = std::chrono::milliseconds(100);
constexpr size_t descriptors_beside = 64;

}  // namespace

Ballast::Ballast(const BallastPlan& plan) {
  starts_.reserve(plan.count);
  std::future<void> is_up = up_.get_future();
  thread_ = std::thread([this, &plan] { hold(plan); });
  try {
    is_up.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

Ballast::~Ballast() {
  let_go();
  if (thread_.joinable()) thread_.join();
}

void Ballast::let_go() noexcept {
  if (!std::exchange(let_go_, true)) over_.set_value();
}

// `plan` is valid only until `up_` is set.
void Ballast::hold(const BallastPlan& plan) {
  std::unique_ptr<Connector> connector;
  try {
    checked(::unshare(CLONE_FILES), "unshare(CLONE_FILES)");
    grow_descriptor_table(plan.count + descriptors_beside);
    connector = plan.make();
    put_up(plan, *connector);
    pending_ = connector->in_flight();
  } catch (...) {
    return up_.set_exception(std::current_exception());
  }
  std::future<void> over = over_.get_future();
  up_.set_value();
  over.wait();
  connector->cancel_all();
  std::vector<Completion> dropped;
  while (connector->in_flight() > 0) connector->reap(dropped, now() + reaping);
}

void Ballast::put_up(const BallastPlan& plan, Connector& connector) {
  std::vector<Completion> completions;
  completions.reserve(plan.count);
  for (uint64_t id = 0; id < plan.count && !exhausted_; ++id) {
    const TimePoint before = now();
    if (before >= plan.until || (plan.stop != nullptr && *plan.stop)) return;
    const Attempt attempt{.id = id,
                          .endpoints = plan.dead.subspan(id % plan.dead.size(), 1),
                          .scheduled = before,
                          .timeout = plan.timeout};
    if (connector.submit({&attempt, 1}) == 0) return;
    completions.clear();
    connector.reap(completions, TimePoint{});
    starts_.push_back((now() - before).count());
    for (const Completion& completion : completions)
      if (completion.result.outcome == Outcome::exhausted) exhausted_ = completion.result;
  }
}

}  // namespace connbench
