#include "harness/process/after_death.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "harness/process/child_process.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

// Writes a byte to `ready` once a signal to the owner's process group does not reach this process any more.
[[noreturn]] void wait_and_act(int owner, int ready, const std::function<void()>& act) {
  ::setsid();
  ::prctl(PR_SET_NAME, "connbench-tidy");
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(number, SIG_IGN);
  if (::write(ready, "", 1) != 1) ::_exit(1);
  ::dup2(owner, STDIN_FILENO);
  ::close_range(STDIN_FILENO + 1, ~0U, 0);  // holds no pipe open that someone reads to its end
  pollfd gone{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (::poll(&gone, 1, -1) < 0 && errno == EINTR) {
  }
  act();
  ::_exit(0);
}

}  // namespace

AfterDeath::AfterDeath(const std::function<void()>& act) : owner_(::getpid()) {
  const UniqueFd self = pidfd_of(owner_);
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe2");
  const UniqueFd there(ends[0]);
  UniqueFd ready(ends[1]);
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0) wait_and_act(self.get(), ready.get(), act);
  ready.reset(-1);
  char byte;
  if (::read(there.get(), &byte, 1) != 1) checked(-1, "connbench-tidy");
}

AfterDeath::~AfterDeath() {
  if (::getpid() != owner_) return;
  ::kill(pid_, SIGKILL);
  wait_for_child(pid_);
}

}  // namespace connbench
