#include "harness/process/server_process.h"

#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>

#include "harness/machine/machine.h"

namespace connbench {
namespace {

void die_with(pid_t parent) {
  checked(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl(PR_SET_PDEATHSIG)");
  if (::getppid() != parent) ::_exit(0);  // it died before the request was in place: no signal will come
}

/// What a terminal sends to the whole group ends the parent, and only through it the server.
void ignore_the_terminal() {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(signal, SIG_IGN);
}

void close_all_but_standard_and(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned from = STDERR_FILENO + 1;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > from) checked(::close_range(from, number - 1, 0), "close_range");
    from = std::max(from, number + 1);
  }
  checked(::close_range(from, ~0U, 0), "close_range");
}

/// noexcept: nothing may unwind into the frames that the child has inherited; the message goes to stderr.
[[noreturn]] void run_child(pid_t parent, const std::vector<int>& sockets, const ServerProcess::Serve& serve) noexcept {
  die_with(parent);
  ignore_the_terminal();
  ::prctl(PR_SET_NAME, "connbench-serve");
  close_all_but_standard_and(sockets);
  raise_descriptor_limit();
  serve(sockets);
  ::_exit(0);
}

}  // namespace

ServerProcess::ServerProcess(const std::vector<UniqueFd>& sockets, const Serve& serve) : pid_(-1) {
  std::vector<int> fds;
  for (const UniqueFd& socket : sockets) fds.push_back(socket.get());
  const pid_t parent = ::getpid();
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0) run_child(parent, fds, serve);
}

ServerProcess::ServerProcess(std::vector<UniqueFd> sockets, const std::vector<int>& cpus, const Serve& serve)
    : ServerProcess(sockets, serve) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &set);
  // From here rather than in the child, so that a processor which does not exist is an error of the caller.
  checked(::sched_setaffinity(pid_, sizeof set, &set), "sched_setaffinity");
}

ServerProcess::~ServerProcess() {
  if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;  // it has ended, or this is a fork of the process that owns it
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void hold_open(std::span<const int>) {
  for (;;) ::pause();
}

}  // namespace connbench
