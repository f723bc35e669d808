#include "harness/machine/shortage.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <string_view>
#include <system_error>

#include "harness/machine/machine.h"

namespace connbench {
namespace {

std::string remedy_of(const Limit& limit) {
  return fmt::format("{} allows {}; to raise it: {}", limit.name, limit.value, limit.how_to_raise);
}

struct LimitInBytes {
  __rlimit_resource_t resource;
  const char* name;
  const char* ulimit;   // raises the soft limit
  const char* prlimit;  // raises the hard limit
};
constexpr LimitInBytes address_space{RLIMIT_AS, "RLIMIT_AS, in KiB,", "ulimit -v {}",
                                     "as root: prlimit --pid $$ --as=unlimited:unlimited"};
constexpr LimitInBytes locked_memory{RLIMIT_MEMLOCK,
                                     "RLIMIT_MEMLOCK, in KiB for all rings of a user (Linux before 5.12, and 6.18),",
                                     "ulimit -l {}", "as root: prlimit --pid $$ --memlock=unlimited:unlimited"};

// nullopt: there is no such limit.
std::optional<std::string> remedy_of(const LimitInBytes& known) {
  rlimit limit{};
  if (::getrlimit(known.resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  std::string how = known.prlimit;
  if (limit.rlim_max > limit.rlim_cur) {
    const bool unlimited = limit.rlim_max == RLIM_INFINITY;
    how = fmt::format(fmt::runtime(known.ulimit), unlimited ? "unlimited" : std::to_string(limit.rlim_max >> 10U));
  }
  return remedy_of({.value = limit.rlim_cur >> 10U, .name = known.name, .how_to_raise = how});
}

// io_uring_setup() and what makes that call. The kernel charges all rings of a user, unless that is root, to
// RLIMIT_MEMLOCK: before Linux 5.12 (io_uring_mlock_size(3)), and Linux 6.18 does so again.
bool makes_a_ring(std::string_view what) {
  return ::geteuid() != 0 && (what.starts_with("io_uring_setup") || what.starts_with("io_uring_queue_init"));
}

std::string remedy_of_memory(std::string_view what) {
  const auto remedy = remedy_of(makes_a_ring(what) ? locked_memory : address_space);
  return remedy.value_or("memory is short: stop other programs, or raise the memory limit of the container");
}

// std::thread says only "Resource temporarily unavailable".
bool makes_a_task(std::string_view what) {
  for (const std::string_view call : {"fork", "pthread_create", "clone", "Resource temporarily unavailable"})
    if (what.starts_with(call)) return true;
  return false;
}

}  // namespace

std::optional<std::string> remedy_for(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return remedy_of_memory({});
  const auto* of_system = dynamic_cast<const std::system_error*>(&error);
  if (of_system == nullptr) return std::nullopt;
  switch (of_system->code().value()) {
    case EMFILE:
      return remedy_of(descriptor_limit());
    case ENFILE:
      return "fs.file-max of the machine is reached; to raise it, as root: sysctl -w fs.file-max=N";
    case ENOMEM:
      return remedy_of_memory(error.what());
    case EAGAIN:
      return makes_a_task(error.what()) ? std::optional(remedy_of(thread_limit())) : std::nullopt;
    case ENOSPC:
      if (!std::string_view(error.what()).starts_with("unshare")) return std::nullopt;
      return "user.max_net_namespaces, or another user.max_*_namespaces, is reached; to raise it, as root: sysctl -w "
             "user.max_net_namespaces=10000";
    case ENOSYS:
      return "this kernel does not have it, or the seccomp profile of a container hides it (docker run --security-opt "
             "seccomp=unconfined)";
    default:
      return std::nullopt;
  }
}

std::string with_remedy(const std::exception& error) {
  const auto remedy = remedy_for(error);
  const bool out_of_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  const std::string what = out_of_memory ? "out of memory" : error.what();
  return remedy ? fmt::format("{}. {}", what, *remedy) : what;
}

}  // namespace connbench
