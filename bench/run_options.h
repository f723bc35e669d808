// What `connbench run` can be asked on its command line.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/lab/lab.h"
#include "harness/record/samples.h"
#include "harness/run/plan.h"
#include "harness/run/session.h"

namespace connbench {

/// The flags as text, as CLI11 fills them in.
struct RunFlags {
  std::vector<std::string> connectors;
  std::vector<std::string> targets{"accepting"};
  std::vector<std::string> mixes;
  std::vector<std::string> families{"4"};
  std::vector<std::string> concurrency{"64"};
  std::vector<std::string> timeouts{"1s"};
  std::string attempts = "2000";
  std::string repetitions = "5";
  std::string arrival;  // "" = closed; of a search for a rate, where it begins
  std::string find_rate;
  bool spin = false;
  std::string shards = "1";
  std::string wave_limit;
  std::string cpus;
  std::string close = "rst";
  std::string handshake = "lab";
  std::vector<std::string> sysctls;
  std::string pcap;
  bool external = false;
  std::string external_rate;
  std::string external_attempts;
  std::string external_concurrency;
  std::string samples = "all";
  std::string syscalls = "on";
  std::string out;
  std::optional<uint64_t> seed;
  bool dry_run = false;
};

/// The flags as values.
struct RunOptions {
  RunRequest request;
  std::optional<lab::Options> lab{};  ///< the run wants one
  bool needs_lab = false;             ///< and cannot do without
  Placement placement;
  SamplesKept samples;
  std::optional<std::filesystem::path> out;
  bool dry_run;
};

void declare(CLI::App& command, RunFlags& flags);

/// @throws std::invalid_argument that names the flag, what is wrong with it, and what would be right
RunOptions parse(const RunFlags& flags);

}  // namespace connbench
