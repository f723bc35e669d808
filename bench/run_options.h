// What `connbench run` was asked to do, as values.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/progress_line.h"
#include "bench/run_flags.h"
#include "harness/lab/lab.h"
#include "harness/record/samples.h"
#include "harness/run/local_site.h"
#include "harness/run/plan.h"

namespace connbench {

struct RunOptions {
  RunRequest request;
  std::optional<lab::Options> lab{};  ///< the run uses one
  bool needs_lab = false;             ///< and cannot do without
  Placement placement;
  SamplesKept samples;
  Compression compression;  ///< of the samples
  std::string pcap{};       ///< the file for the lab's packets; "" = none
  std::optional<std::filesystem::path> out;
  std::shared_ptr<const nlohmann::ordered_json> settings{};  ///< for run.json
  std::vector<std::string> notes{};              ///< what was done to the machine; they become warnings of the run
  std::map<std::string, std::string> by_host{};  ///< of a cluster, where a table per host is wanted: names by rank
  bool dry_run;
  ProgressLine::Wanted progress;
};

/// @throws std::invalid_argument that names the flag, what is wrong with its value, and what would be right
RunOptions parse(const RunFlags& flags);

}  // namespace connbench
