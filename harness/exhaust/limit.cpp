#include "harness/exhaust/limit.h"

#include <fmt/format.h>

namespace connbench {
namespace {

class MachineLimit final : public ResourceLimit {
 public:
  MachineLimit(uint64_t value, std::string name) : ResourceLimit(value), name_(std::move(name)) {}
  std::string_view kind() const override { return "machine"; }
  std::string describe() const override { return fmt::format("this machine's own limit: {} ({})", value(), name_); }

 private:
  std::string name_;
};

// The last resort, in a container whose root can make no cgroup.
std::unique_ptr<ResourceLimit> limit_as_nobody(uint64_t threads, const std::string& reasons) {
  try {
    return limit_threads_as_nobody(threads);
  } catch (const CannotLimit& nobody) {
    throw CannotLimit{fmt::format("{}; {}", reasons, nobody.reason)};
  }
}

}  // namespace

std::string_view to_string(Resource resource) noexcept {
  constexpr std::string_view names[] = {"threads", "fds", "ports", "memory"};
  return names[static_cast<size_t>(resource)];
}

std::unique_ptr<ResourceLimit> limit_threads(uint64_t threads) {
  try {
    return limit_threads_by_rlimit(threads);
  } catch (const CannotLimit& rlimit) {
    try {
      return limit_threads_by_cgroup(threads);
    } catch (const CannotLimit& cgroup) {
      return limit_as_nobody(threads, fmt::format("{}; {}", rlimit.reason, cgroup.reason));
    }
  }
}

std::unique_ptr<ResourceLimit> machine_limit(uint64_t value, std::string name) {
  return std::make_unique<MachineLimit>(value, std::move(name));
}

}  // namespace connbench
