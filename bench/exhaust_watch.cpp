#include "bench/exhaust_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/support/text_table.h"

namespace connbench {

RampWatch::RampWatch(StopSignal& stop, ExhaustionRecorder& recorder, ProgressLine::Wanted progress)
    : stop_(stop), recorder_(recorder), watch_(stop), line_(progress) {}

void RampWatch::expect(size_t ramps, Duration each) {
  ramps_ = ramps;
  each_ = each;
}

void RampWatch::watch(pid_t pid, std::string name) {
  if (pid != 0) watch_.watch(pid, std::move(name));
}

void RampWatch::begin(RampName name) {
  name_ = std::move(name);
  first_.reset();
  ++begun_;
  time_.begin(now(), each_, each_ * static_cast<int64_t>(ramps_ - std::min(ramps_, begun_)));
  show(0);
}

void RampWatch::on_step(const RampStep& step) {
  if (!first_) first_ = step;
  recorder_.step(name_, step);
  show(step.pending);
}

void RampWatch::show(uint64_t pending) {
  if (!line_.due()) return;
  line_.show(fmt::format("ramp {} of {}, about {} left: ", begun_, ramps_, roughly(time_.left(now()))),
             fmt::format("{}, repetition {}", name_.connector, name_.repetition),
             {fmt::format(", {} pending", grouped(pending))});
}

}  // namespace connbench
