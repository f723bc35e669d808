#include "harness/trace/traced_child.h"

#include <sys/wait.h>

#include <cstring>

namespace connbench::trace {

TracedChild::TracedChild(const Client& client, const Target& target, bool drop_capabilities, const sigset_t& mask)
    : samples_(client.attempts) {
  const pid_t parent = ::getpid();
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0)
    run_measured_child({.parent = parent, .drop_capabilities = drop_capabilities}, shared_->error,
                       [&] { run(client, target, mask); });
  ::setpgid(pid_, pid_);  // set in both processes, because either may run first
}

TracedChild::~TracedChild() {
  kill();
  wait();
}

void TracedChild::wait() noexcept {
  while (pid_ > 0 && ::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void TracedChild::run(const Client& client, const Target& target, const sigset_t& mask) {
  struct Recording {  // ends with the client, however it ends
    std::atomic<bool>& on;
    ~Recording() { on = false; }
  } const recording{shared_->recording};
  ::setpgid(0, 0);  // a separate group, so that it can be waited for apart from the lab's processes
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  while (!shared_->go) sleep_until(now() + std::chrono::microseconds(100));
  const auto pause = [] { sleep_until(now() + std::chrono::microseconds(100)); };
  const auto follow_instead = [&](pid_t other) {
    while (::getpgid(other) != other && !has_ended(other)) pause();  // it is waited for by its group
    shared_->other = other;
    while (!shared_->followed) pause();
  };
  client.run({target, samples_.samples(), shared_->recording, shared_->message, follow_instead});
}

void TracedChild::go() noexcept {
  shared_->go = true;
}

bool TracedChild::is_recording() const noexcept {
  return shared_->recording;
}

void TracedChild::kill() const noexcept {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

std::string TracedChild::message() const {
  return {shared_->message, ::strnlen(shared_->message, sizeof shared_->message)};
}

std::string TracedChild::error() const {
  return shared_->error.text();
}

}  // namespace connbench::trace
