// RLIMIT_NPROC counts all threads of a user, so the limit is set relative to what that user already has.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/exhaust/limit.h"
#include "harness/exhaust/soft_limit.h"
#include "harness/process/ask_in_child.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

void allow_tasks(rlim_t most) {
  rlimit limit{};
  checked(::getrlimit(RLIMIT_NPROC, &limit), "getrlimit");
  set_soft_limit(RLIMIT_NPROC, std::min(most, limit.rlim_max), "setrlimit(RLIMIT_NPROC)");
}

// Whether one more task can be created under this limit. Uses a process rather than a thread: once it is reaped, it is
// no longer counted.
bool another_fits(rlim_t allowed) {
  allow_tasks(allowed);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  if (child < 0) return false;
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return true;
}

// The kernel's own count for this user. It depends on the user namespace, so it cannot be read from /proc.
rlim_t counted_now() {
  rlim_t too_few = 0;
  rlim_t enough = 1;
  while (!another_fits(enough)) {
    too_few = enough;
    enough *= 2;
    rlimit limit{};
    ::getrlimit(RLIMIT_NPROC, &limit);
    if (too_few >= limit.rlim_max) throw std::system_error(EAGAIN, std::generic_category(), "fork");
  }
  while (enough - too_few > 1) {
    const rlim_t middle = too_few + (enough - too_few) / 2;
    (another_fits(middle) ? enough : too_few) = middle;
  }
  return enough - 1;
}

class NprocLimit final : public ResourceLimit {
 public:
  using ResourceLimit::ResourceLimit;
  std::string_view kind() const override { return "rlimit_nproc"; }
  std::string describe() const override {
    return fmt::format("at most {} threads in the process, by RLIMIT_NPROC on top of what the user already has",
                       value());
  }
  void enter() const override { allow_tasks(counted_now() - 1 + value()); }  // counted_now() includes this thread
};

// Changes the user of this process for good. Other processes of that user count too.
void become_nobody() {
  constexpr uid_t nobody = 65'534;
  checked(::setresuid(nobody, nobody, nobody), "setresuid");
  ::prctl(PR_SET_DUMPABLE, 1);  // so that its own /proc stays readable
}

class NobodyLimit final : public ResourceLimit {
 public:
  using ResourceLimit::ResourceLimit;
  std::string_view kind() const override { return "rlimit_nproc"; }
  std::string describe() const override {
    return fmt::format(
        "at most {} threads in the process, by RLIMIT_NPROC of the user nobody (root has no such limit, and no cgroup "
        "can be made here)",
        value());
  }
  void enter() const override {
    become_nobody();
    allow_tasks(counted_now() - 1 + value());
  }
};

}  // namespace

std::unique_ptr<ResourceLimit> limit_threads_as_nobody(uint64_t threads) {
  if (::geteuid() != 0) throw CannotLimit{"only root can become another user"};
  const ChildAnswer exempt = ask_in_child([] {
    become_nobody();
    return another_fits(1) ? "yes" : "no";
  });
  if (!exempt.ok || exempt.text == "yes")
    throw CannotLimit{exempt.ok ? "RLIMIT_NPROC does not apply to the user nobody either" : exempt.text};
  return std::make_unique<NobodyLimit>(threads);
}

std::unique_ptr<ResourceLimit> limit_threads_by_rlimit(uint64_t threads) {
  // This process already counts as one: a second task is possible only when the user is exempt.
  const ChildAnswer exempt = ask_in_child([] { return another_fits(1) ? "yes" : "no"; });
  if (!exempt.ok || exempt.text == "yes")
    throw CannotLimit{exempt.ok ? "RLIMIT_NPROC does not apply to this user (root is exempt)" : exempt.text};
  return std::make_unique<NprocLimit>(threads);
}

}  // namespace connbench
