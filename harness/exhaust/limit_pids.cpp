// pids.max of a separate cgroup, for users to whom RLIMIT_NPROC does not apply.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstring>

#include "harness/exhaust/limit.h"
#include "harness/machine/machine.h"
#include "harness/process/child_process.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

constexpr Duration removing = std::chrono::seconds(10);  // the last process in it may still be exiting

// Returns 0 or errno.
int write_to(const std::string& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return !file || ::write(file.get(), text.data(), text.size()) < 0 ? errno : 0;
}

void remove_when_empty(const char* path) {
  const TimePoint until = now() + removing;
  while (::rmdir(path) != 0 && errno == EBUSY && now() < until) sleep_until(now() + std::chrono::milliseconds(2));
}

// The main function of a process that removes the cgroup after its creator has died. It runs in its own session, so
// that a signal to the creator's process group does not reach it. It writes a byte to `ready` once it does.
[[noreturn]] void wait_and_remove(int parent, int ready, const char* path) {
  ::setsid();
  ::prctl(PR_SET_NAME, "connbench-tidy");
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(number, SIG_IGN);
  if (::write(ready, "", 1) != 1) ::_exit(1);
  ::dup2(parent, STDIN_FILENO);
  ::close_range(STDIN_FILENO + 1, ~0U, 0);  // holds no pipe open that someone reads to its end
  pollfd gone{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (::poll(&gone, 1, -1) < 0 && errno == EINTR) {
  }
  remove_when_empty(path);
  ::_exit(0);
}

class Remover {
 public:
  explicit Remover(const std::string& path) : owner_(::getpid()) {
    const UniqueFd self = pidfd_of(owner_);
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    const UniqueFd there(ends[0]);
    UniqueFd ready(ends[1]);
    pid_ = checked(::fork(), "fork");
    if (pid_ == 0) wait_and_remove(self.get(), ready.get(), path.c_str());
    ready.reset(-1);
    char byte;  // create no cgroup before the remover has left this process group
    if (::read(there.get(), &byte, 1) != 1) checked(-1, "connbench-tidy");
  }
  ~Remover() {
    if (::getpid() != owner_) return;  // this is a fork of the owner
    ::kill(pid_, SIGKILL);
    wait_for_child(pid_);
  }
  Remover(const Remover&) = delete;
  Remover& operator=(const Remover&) = delete;

 private:
  pid_t owner_;
  pid_t pid_ = -1;
};

class PidsLimit final : public ResourceLimit {
 public:
  PidsLimit(uint64_t threads, std::string path)
      : ResourceLimit(threads), owner_(::getpid()), path_(std::move(path)), remover_(path_) {
    if (::mkdir(path_.c_str(), 0755) != 0) throw CannotLimit{fmt::format("{}: {}", path_, strerror(errno))};
    const int error = write_to(path_ + "/pids.max", std::to_string(threads));
    if (error == 0) return;
    ::rmdir(path_.c_str());
    throw CannotLimit{fmt::format("{}/pids.max: {}", path_, strerror(error))};
  }
  ~PidsLimit() override {
    if (::getpid() == owner_) remove_when_empty(path_.c_str());
  }

  std::string_view kind() const override { return "pids_max"; }
  std::string describe() const override {
    return fmt::format(
        "at most {} threads in the process, by pids.max of {} (RLIMIT_NPROC does not apply to this user)", value(),
        path_);
  }
  void enter() const override {
    const std::string file = path_ + "/cgroup.procs";
    if (const int error = write_to(file, "0"); error != 0)  // 0 means the writing process
      throw std::system_error(error, std::generic_category(), file);
  }

 private:
  pid_t owner_;
  std::string path_;
  Remover remover_;  // starts before the cgroup is created
};

}  // namespace

std::unique_ptr<ResourceLimit> limit_threads_by_cgroup(uint64_t threads) {
  std::string reasons;
  for (const std::string& group : cgroups_of("pids")) {
    try {
      return std::make_unique<PidsLimit>(threads, fmt::format("{}/connbench-{}", group, ::getpid()));
    } catch (const CannotLimit& cannot) {
      reasons += fmt::format("{}{}", reasons.empty() ? "" : ", ", cannot.reason);
    }
  }
  throw CannotLimit{reasons.empty() ? "there is no cgroup with a pids controller"
                                    : fmt::format("no cgroup can be created ({})", reasons)};
}

}  // namespace connbench
