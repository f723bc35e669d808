// Setting the soft limit of a resource (RLIMIT_…) for this process.
#pragma once

#include <sys/resource.h>

#include "harness/support/unique_fd.h"

namespace connbench {

/// `call` names the failed call in the error: "setrlimit(RLIMIT_AS)". @throws std::system_error
inline void set_soft_limit(decltype(RLIMIT_AS) resource, rlim_t value, const char* call) {
  rlimit limit{};
  checked(::getrlimit(resource, &limit), "getrlimit");
  limit.rlim_cur = value;
  checked(::setrlimit(resource, &limit), call);
}

}  // namespace connbench
