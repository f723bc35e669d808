// Errors that mean that this machine lacks something, and what to do about it.
#pragma once

#include <exception>
#include <optional>
#include <string>

namespace connbench {

/// What binds and how to raise it, for an exception that says that something ran out: descriptors, memory, address
/// space, threads; or that the kernel does not know a system call. nullopt for any other.
std::optional<std::string> remedy_for(const std::exception& error);

/// What `error` says, and the remedy where there is one: "pipe2: Too many open files. RLIMIT_NOFILE allows 8; to raise
/// it: …".
std::string with_remedy(const std::exception& error);

}  // namespace connbench
