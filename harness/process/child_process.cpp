#include "harness/process/child_process.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>

namespace connbench {

UniqueFd pidfd_of(pid_t pid) {
  return UniqueFd(checked(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open"));
}

void die_with_parent(pid_t parent) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);  // it died before prctl(): no signal will come
}

bool has_ended(pid_t child) noexcept {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child;
}

// Delegates, so that the destructor runs even if pidfd_of() throws.
ChildProcess::ChildProcess(pid_t pid) : ChildProcess(pid, Adopted{}) {
  pidfd_ = pidfd_of(pid);
}

ChildProcess::~ChildProcess() {
  if (collected_) return;
  kill();
  collect();
}

bool ChildProcess::ended_within(Duration interval) const noexcept {
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  const timespec timeout = to_timespec(interval);
  return ::ppoll(&ended, 1, &timeout, nullptr) > 0;
}

void ChildProcess::kill() const noexcept {
  ::kill(pid_, SIGKILL);
}

int ChildProcess::collect() noexcept {
  collected_ = true;
  return wait_for_child(pid_);
}

int wait_for_child(pid_t pid) noexcept {
  int status = 0;
  pid_t ended = -1;
  do ended = ::waitpid(pid, &status, 0);
  while (ended < 0 && errno == EINTR);
  return ended == pid ? status : unknown_status;
}

std::string how_it_ended(int status) {
  if (status == unknown_status) return "ended in an unknown way (somebody else has waited for it)";
  if (WIFSIGNALED(status))
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace connbench
