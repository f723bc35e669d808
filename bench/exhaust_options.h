// What `connbench exhaust` can be asked on its command line.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/exhaust/limit.h"

namespace connbench {

/// The flags as text, as CLI11 fills them in.
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
  std::optional<uint64_t> seed;
  bool to_the_end = false;
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
};

/// How many threads --to-the-end leaves to everybody else: a machine that cannot start a process is of no use.
inline constexpr uint64_t threads_left_to_others = 1024;

void declare(CLI::App& command, ExhaustFlags& flags);

/// @throws std::invalid_argument that names the flag, what is wrong with it, and what would be right
ExhaustOptions parse(const ExhaustFlags& flags);

}  // namespace connbench
