// Limits that a ramp is to run into: a child's own, never the machine's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace connbench {

enum class Resource : uint8_t { threads, fds, ports, memory };
std::string_view to_string(Resource resource) noexcept;

/// One way to bound a resource. Gone with what it bounds: see each.
class ResourceLimit {
 public:
  explicit ResourceLimit(uint64_t value) : value_(value) {}
  virtual ~ResourceLimit() = default;
  ResourceLimit(const ResourceLimit&) = delete;
  ResourceLimit& operator=(const ResourceLimit&) = delete;

  /// As in the records: "rlimit_nproc", "pids_max", "rlimit_nofile", "rlimit_as", "port_range", "machine".
  virtual std::string_view kind() const = 0;
  /// What it is, for people: what was chosen, and why.
  virtual std::string describe() const = 0;
  /// In the run, inside its network, once its targets are open. @throws std::system_error
  virtual void prepare() {}
  /// In the child that is to have it, while that has one thread. @throws std::system_error
  virtual void enter() const {}

  uint64_t value() const noexcept { return value_; }

 private:
  uint64_t value_;
};

/// Why a limit cannot be set here.
struct CannotLimit {
  std::string reason;
};

/// A bound on the threads of a process, its first one included: RLIMIT_NPROC where it binds this user, otherwise
/// pids.max of a cgroup of the run's own. To be called while the process has one thread.
/// @throws CannotLimit that says why neither can be had
std::unique_ptr<ResourceLimit> limit_threads(uint64_t threads);
/// RLIMIT_NPROC, counted from what the user has already. Throws when the user is exempt (root).
std::unique_ptr<ResourceLimit> limit_threads_by_rlimit(uint64_t threads);
/// The cgroup is removed when the limit is destroyed, and when this process dies, however it dies.
std::unique_ptr<ResourceLimit> limit_threads_by_cgroup(uint64_t threads);
/// RLIMIT_NOFILE, soft.
std::unique_ptr<ResourceLimit> limit_descriptors(uint64_t descriptors);
/// RLIMIT_AS.
std::unique_ptr<ResourceLimit> limit_address_space(uint64_t bytes);
/// net.ipv4.ip_local_port_range of the lab's network: to be prepared there.
std::unique_ptr<ResourceLimit> limit_ports(uint64_t ports);
inline constexpr uint64_t most_ports_of_a_limit = 31'744;  ///< from 1024 to where the default range begins

/// No limit of its own: what the machine itself allows, told of as `name`.
std::unique_ptr<ResourceLimit> machine_limit(uint64_t value, std::string name);

}  // namespace connbench
