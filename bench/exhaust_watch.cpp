#include "bench/exhaust_watch.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace connbench {

RampWatch::RampWatch(StopSignal& stop, ExhaustionRecorder& recorder)
    : stop_(stop), recorder_(recorder), terminal_(::isatty(STDERR_FILENO) == 1) {
  watched_.push_back({stop.fd(), POLLIN, 0});
}

void RampWatch::watch(pid_t pid, std::string name) {
  if (pid == 0) return;
  pidfds_.emplace_back(checked(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open"));
  watched_.push_back({pidfds_.back().get(), POLLIN, 0});
  names_.push_back(std::move(name));
}

bool RampWatch::should_stop() {
  return ::poll(watched_.data(), watched_.size(), 0) > 0;
}

std::string RampWatch::died() {
  should_stop();
  for (size_t i = 1; i < watched_.size(); ++i)
    if (watched_[i].revents != 0) return names_[i - 1];
  return "";
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
