#include "bench/exhaust_watch.h"

#include <fmt/format.h>
#include <unistd.h>

namespace connbench {

RampWatch::RampWatch(StopSignal& stop, ExhaustionRecorder& recorder)
    : stop_(stop), recorder_(recorder), watch_(stop), terminal_(::isatty(STDERR_FILENO) == 1) {}

void RampWatch::watch(pid_t pid, std::string name) {
  if (pid != 0) watch_.watch(pid, std::move(name));
}

void RampWatch::begin(RampName name) {
  name_ = std::move(name);
  first_.reset();
  show(0);
}

void RampWatch::on_step(const RampStep& step) {
  if (!first_) first_ = step;
  recorder_.step(name_, step);
  show(step.pending);
}

void RampWatch::show(uint64_t pending) {
  if (!terminal_) return;
  fmt::print(stderr, "\r\033[K{}: repetition {}, {} pending", name_.connector, name_.repetition, pending);
  std::fflush(stderr);
  shown_ = true;
}

void RampWatch::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace connbench
