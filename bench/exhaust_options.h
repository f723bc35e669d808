// What `connbench exhaust` was asked to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/command_line.h"
#include "bench/progress_line.h"
#include "harness/connector/registry.h"
#include "harness/exhaust/limit.h"

namespace connbench {

/// The flags as text.
struct ExhaustFlags {
  std::string resource;
  std::string limit;
  std::vector<std::string> connectors{"blocking-threads", "select-threads", "epoll", "io-uring"};
  std::string pending;
  std::string step;
  std::string healthy = "2000";
  std::string timeout = "3s";
  std::string repetitions = "1";
  std::string family = "4";
  std::string out;
  std::string seed;
  bool to_the_end = false;
  bool quiet = false;
};

/// The flags as values.
struct ExhaustOptions {
  Resource resource;
  uint64_t limit;             ///< threads, descriptors, ports or bytes
  std::string machine_limit;  ///< with --to-the-end: what sets it; otherwise ""
  std::vector<NamedConnector> connectors;
  size_t pending;
  size_t step;
  size_t healthy;
  Duration timeout;
  unsigned repetitions;
  Family family;
  std::optional<std::filesystem::path> out;
  uint64_t seed;
  ProgressLine::Wanted progress;
};

/// Threads that --to-the-end leaves to everybody else, or a quarter where fewer are allowed: a machine that cannot
/// start a process cannot be rescued.
inline constexpr uint64_t threads_left_to_others = 1024;

/// The flags by topic, with their help. They write to `flags`, which must outlive them.
std::vector<FlagGroup> describe(ExhaustFlags& flags);

/// @throws std::invalid_argument that names the flag, what is wrong with its value, and what would be right
ExhaustOptions parse(const ExhaustFlags& flags);

}  // namespace connbench
