#include "harness/lab/capsule.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "harness/machine/machine.h"
#include "harness/machine/shortage.h"
#include "harness/process/child_process.h"
#include "harness/process/shared.h"
#include "harness/process/stop_signal.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench::lab {
namespace {

// What the processes of a capsule report to their creator, in shared memory.
struct Handover {
  enum class Threw : uint8_t { nothing, unavailable, invalid_argument, something } threw = Threw::nothing;
  char what[1024]{};
  int killed_by = 0;
  std::atomic<pid_t> first = 0;  // PID of process 1 as seen from the creator's namespace

  void take(const std::exception& error) {
    const bool unavailable = dynamic_cast<const Unavailable*>(&error) != nullptr || remedy_for(error);
    threw = unavailable                                                     ? Threw::unavailable
            : dynamic_cast<const std::invalid_argument*>(&error) != nullptr ? Threw::invalid_argument
                                                                            : Threw::something;
    std::strncpy(what, with_remedy(error).c_str(), sizeof what - 1);
  }
  void rethrow() const {
    switch (threw) {
      case Threw::nothing:
        return;
      case Threw::unavailable:
        throw Unavailable(what);
      case Threw::invalid_argument:
        throw std::invalid_argument(what);
      case Threw::something:
        throw std::runtime_error(what);
    }
  }
};

void die_with_parent(const UniqueFd& parent) {
  checked(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl(PR_SET_PDEATHSIG)");
  pollfd gone{.fd = parent.get(), .events = POLLIN, .revents = 0};
  if (::poll(&gone, 1, 0) > 0) ::_exit(1);  // the parent died before PR_SET_PDEATHSIG took effect: no signal will come
}

void write_file(const char* path, const std::string& text) {
  const UniqueFd file(checked(::open(path, O_WRONLY | O_CLOEXEC), path));
  checked(static_cast<int>(::write(file.get(), text.data(), text.size())), path);
}

// Keeps the caller's user and group, so that files created inside belong to the caller.
void map_own_user(uid_t user, gid_t group) {
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", fmt::format("{0} {0} 1", user));
  write_file("/proc/self/gid_map", fmt::format("{0} {0} 1", group));
}

// Checks the settings that are known to forbid namespaces and adds the remedy for the one that does.
std::string why_refused(const std::system_error& error) {
  struct Suspect {
    const char* name;
    const char* forbidding;
    const char* remedy;
  };
  std::string why = fmt::format("creating namespaces is refused ({})", error.what());
  for (const auto& [name, forbidding, remedy] : {
           Suspect{"user.max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"},
           Suspect{"user.max_net_namespaces", "0", "sysctl -w user.max_net_namespaces=10000"},
           Suspect{"user.max_mnt_namespaces", "0", "sysctl -w user.max_mnt_namespaces=10000"},
           Suspect{"user.max_pid_namespaces", "0", "sysctl -w user.max_pid_namespaces=10000"},
           Suspect{"kernel.unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
           Suspect{"kernel.apparmor_restrict_unprivileged_userns", "1",
                   "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
       })
    if (sysctl(name) == forbidding) return fmt::format("{}: {} is {}; as root: {}", why, name, forbidding, remedy);
  if (const auto remedy = remedy_for(error)) return fmt::format("{}: {}", why, *remedy);
  return why + ": run as root or, in a container, with CAP_SYS_ADMIN (docker run --privileged)";
}

// A privileged caller needs no user namespace, and keeps everything root may do, such as reading tracepoints.
Rights enter_namespaces() {
  constexpr int needed = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID;
  if (::unshare(needed) == 0) return Rights::machine;
  try {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    checked(::unshare(needed | CLONE_NEWUSER), "unshare");
    map_own_user(user, group);
    return Rights::user_space;
  } catch (const std::system_error& error) {
    throw Unavailable(why_refused(error));
  }
}

void mount_own_proc() {
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    throw Unavailable(
        fmt::format("a fresh /proc cannot be mounted ({}): in a container, run with an unmasked /proc "
                    "(docker run --security-opt systempaths=unconfined)",
                    strerror(errno)));
}

// Process 1 of a PID namespace ignores signals without a handler. With these handlers they end it, as they would end
// any other process.
void end_by_signals() {
  for (const int number : stop_signals()) {
    struct sigaction action {};
    action.sa_handler = [](int signal_number) { ::_exit(128 + signal_number); };
    ::sigaction(number, &action, nullptr);
  }
}

[[noreturn]] void first_process(const std::function<int(Rights)>& inside, Rights rights, const UniqueFd& supervisor,
                                const sigset_t& signals, Handover& handover) {
  int status = 1;
  try {
    die_with_parent(supervisor);
    end_by_signals();
    ::sigprocmask(SIG_SETMASK, &signals, nullptr);
    mount_own_proc();
    status = inside(rights);
  } catch (const std::exception& error) {
    handover.take(error);
  }
  std::fflush(nullptr);
  ::exit(status);
}

int wait_for(pid_t child, int& killed_by) {
  const int status = wait_for_child(child);
  killed_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return WEXITSTATUS(status);
}

// unshare(CLONE_NEWPID) affects only the children of its caller. This supervisor stands between the creator and process
// 1.
[[noreturn]] void supervise(const std::function<int(Rights)>& inside, const UniqueFd& maker, const sigset_t& signals,
                            Handover& handover) {
  int status = 1;
  try {
    die_with_parent(maker);
    const Rights rights = enter_namespaces();
    const UniqueFd self = pidfd_of(::getpid());
    const pid_t first = checked(::fork(), "fork");
    if (first == 0) first_process(inside, rights, self, signals, handover);
    handover.first = first;
    status = wait_for(first, handover.killed_by);
  } catch (const std::exception& error) {
    handover.take(error);
  }
  ::_exit(status);
}

// The signal may arrive before process 1 exists.
void pass_on(int signal_number, pid_t supervisor, const Handover& handover) {
  while (handover.first == 0 && !has_ended(supervisor)) sleep_until(now() + std::chrono::milliseconds(1));
  if (handover.first != 0) ::kill(handover.first, signal_number);
}

// Waits for the supervisor and forwards signals meanwhile. Signals from the kernel (si_code > 0), such as a terminal's,
// have reached every process of the group already.
int pass_on_signals_until(pid_t supervisor, const sigset_t& waited_for, Handover& handover) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(supervisor, &status, WNOHANG);
    if (ended == supervisor) {
      if (WIFSIGNALED(status)) handover.killed_by = WTERMSIG(status);
      return WEXITSTATUS(status);
    }
    if (ended < 0 && errno == ECHILD)
      throw std::runtime_error("how the lab ended is not known: somebody else waited for it");
    siginfo_t info{};
    const int signal_number = ::sigwaitinfo(&waited_for, &info);
    if (signal_number > 0 && signal_number != SIGCHLD && info.si_code <= 0)
      pass_on(signal_number, supervisor, handover);
  }
}

}  // namespace

int run_in_capsule(const std::function<int(Rights)>& inside) {
  const Shared<Handover> handover;
  std::fflush(nullptr);  // otherwise the child would write buffered output a second time
  const UniqueFd self = pidfd_of(::getpid());
  sigset_t waited_for;
  sigset_t before;
  sigemptyset(&waited_for);
  for (const int number : stop_signals()) sigaddset(&waited_for, number);
  sigaddset(&waited_for, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &waited_for, &before);
  const pid_t supervisor = ::fork();
  if (supervisor == 0) supervise(inside, self, before, *handover);
  const int status = supervisor < 0 ? -1 : pass_on_signals_until(supervisor, waited_for, *handover);
  const int error = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  checked(supervisor, "fork");
  handover->rethrow();
  if (handover->killed_by != 0)
    throw std::runtime_error(fmt::format("the process in the lab was killed by signal {} ({}), which ended the lab",
                                         handover->killed_by, strsignal(handover->killed_by)));
  return status;
}

}  // namespace connbench::lab
