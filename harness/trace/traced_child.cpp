#include "harness/trace/traced_child.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cstring>

namespace connbench::trace {

TracedChild::TracedChild(const Client& client, const Target& target, bool drop_capabilities, const sigset_t& mask)
    : samples_(client.attempts) {
  const pid_t parent = ::getpid();
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0) run(client, target, drop_capabilities, mask, parent);
  ::setpgid(pid_, pid_);  // set in both processes, because either may run first
}

TracedChild::~TracedChild() {
  kill();
  while (pid_ > 0 && ::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

void TracedChild::run(const Client& client, const Target& target, bool drop_capabilities, const sigset_t& mask,
                      pid_t parent) {
  int status = 0;
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    ::setpgid(0, 0);  // a separate group, so that it can be waited for apart from the lab's processes
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    ::close_range(3, ~0U, 0);
    if (drop_capabilities) lab::drop_capabilities();
    while (!shared_->go) sleep_until(now() + std::chrono::microseconds(100));
    client.run({target, samples_.samples(), shared_->recording, shared_->message});
  } catch (const std::exception& error) {
    std::strncpy(shared_->error, error.what(), sizeof shared_->error - 1);
    status = 1;
  }
  shared_->recording = false;
  ::_exit(status);
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
  return {shared_->error, ::strnlen(shared_->error, sizeof shared_->error)};
}

}  // namespace connbench::trace
