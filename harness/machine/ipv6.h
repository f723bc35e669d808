// Whether anything can connect over IPv6.
#pragma once

#include <optional>
#include <string>

namespace connbench {

/// Why ::1 cannot be used in this network namespace, and what to do about it; nullopt when it can.
std::optional<std::string> why_no_ipv6();

}  // namespace connbench
