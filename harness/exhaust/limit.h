// The limits that a ramp runs into. They apply to a child process, never to the whole machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/machine/machine.h"

namespace connbench {

enum class Resource : uint8_t { threads, fds, ports, memory };
std::string_view to_string(Resource resource) noexcept;

/// One way to limit a resource.
class ResourceLimit {
 public:
  explicit ResourceLimit(uint64_t value) : value_(value) {}
  virtual ~ResourceLimit() = default;
  ResourceLimit(const ResourceLimit&) = delete;
  ResourceLimit& operator=(const ResourceLimit&) = delete;

  /// The name used in records: "rlimit_nproc", "pids_max", "rlimit_nofile", "rlimit_as", "port_range", "machine".
  virtual std::string_view kind() const = 0;
  /// A description for people: what is limited, and how.
  virtual std::string describe() const = 0;
  /// Called in the run, inside its network, once its targets are open. @throws std::system_error
  virtual void prepare() {}
  /// Called in the child to be limited, while it has a single thread. @throws std::system_error
  virtual void enter() const {}

  uint64_t value() const noexcept { return value_; }

 private:
  uint64_t value_;
};

/// Thrown when a limit cannot be set here.
struct CannotLimit {
  std::string reason;
};

/// Limits the threads of a process, including the first, with RLIMIT_NPROC where it applies to this user, otherwise
/// with pids.max of a new cgroup, otherwise with RLIMIT_NPROC of another user. Call this while the process has a single
/// thread.
/// @throws CannotLimit when nothing of this is possible
std::unique_ptr<ResourceLimit> limit_threads(uint64_t threads);
/// Sets RLIMIT_NPROC above the number of threads the user already has.
/// @throws CannotLimit when the user is exempt (root)
std::unique_ptr<ResourceLimit> limit_threads_by_rlimit(uint64_t threads);
/// Uses pids.max of a new cgroup, which is removed when the limit is destroyed or this process dies, however it dies.
std::unique_ptr<ResourceLimit> limit_threads_by_cgroup(uint64_t threads);
/// For root: the process becomes the user nobody, to whom RLIMIT_NPROC applies.
/// @throws CannotLimit for other users, and where nobody is exempt too
std::unique_ptr<ResourceLimit> limit_threads_as_nobody(uint64_t threads);
/// Sets both limits of RLIMIT_NOFILE.
std::unique_ptr<ResourceLimit> limit_descriptors(uint64_t descriptors);
/// Sets the soft limit of RLIMIT_AS.
std::unique_ptr<ResourceLimit> limit_address_space(uint64_t bytes);
/// Sets net.ipv4.ip_local_port_range of the lab's network, in prepare().
std::unique_ptr<ResourceLimit> limit_ports(uint64_t ports);
inline constexpr uint64_t most_ports_of_a_limit = 31'744;  ///< up to the last one, and none that a server has
/// Sets the lab's range to that of this machine. Call it outside the lab. @throws std::system_error
std::unique_ptr<ResourceLimit> limit_ports_as_here();

/// Sets nothing: the machine's own limit `value`, described as `name`.
std::unique_ptr<ResourceLimit> machine_limit(uint64_t value, std::string name);

}  // namespace connbench
