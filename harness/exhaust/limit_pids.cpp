// pids.max of a separate cgroup, for users to whom RLIMIT_NPROC does not apply.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "harness/exhaust/limit.h"
#include "harness/machine/machine.h"
#include "harness/process/after_death.h"
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

class PidsLimit final : public ResourceLimit {
 public:
  PidsLimit(uint64_t threads, std::string path)
      : ResourceLimit(threads),
        owner_(::getpid()),
        path_(std::move(path)),
        remover_([this] { remove_when_empty(path_.c_str()); }) {
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
  AfterDeath remover_;  // starts before the cgroup is created
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
