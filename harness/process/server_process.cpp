#include "harness/process/server_process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "harness/machine/machine.h"
#include "harness/process/affinity.h"
#include "harness/process/child_process.h"
#include "harness/process/descriptor_table.h"

namespace connbench {
namespace {

// A terminal sends its signals to the whole group. They are the parent's to handle: the server ends with the parent.
void ignore_the_terminal() {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(signal, SIG_IGN);
}

void close_all_but_standard_and(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned from = STDERR_FILENO + 1;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > from) close_descriptors(from, number - 1);
    from = std::max(from, number + 1);
  }
  close_descriptors(from, ~0U);
}

// noexcept: an exception must not unwind into the frames inherited from the parent.
[[noreturn]] void run_child(pid_t parent, const std::vector<int>& sockets, const ServerProcess::Serve& serve,
                            ChildError& failure) noexcept {
  or_fail(failure, [&] {
    die_with_parent(parent);
    ignore_the_terminal();
    ::prctl(PR_SET_NAME, "connbench-serve");
    close_all_but_standard_and(sockets);
    raise_descriptor_limit();
    serve(sockets);
  });
  ::_exit(0);
}

}  // namespace

ServerProcess::ServerProcess(const std::vector<UniqueFd>& sockets, const Serve& serve) : pid_(-1) {
  std::vector<int> fds;
  for (const UniqueFd& socket : sockets) fds.push_back(socket.get());
  const pid_t parent = ::getpid();
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0) run_child(parent, fds, serve, *failure_);
}

ServerProcess::ServerProcess(std::vector<UniqueFd> sockets, const std::vector<int>& cpus, const Serve& serve)
    : ServerProcess(sockets, serve) {
  run_on(pid_, cpus);  // not in the child, so that a processor that does not exist is the caller's error
}

ServerProcess::~ServerProcess() {
  if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;  // it has ended, or this is a fork of its owner
  ::kill(pid_, SIGKILL);
  wait_for_child(pid_);
}

void hold_open(std::span<const int>) {
  for (;;) ::pause();
}

}  // namespace connbench
