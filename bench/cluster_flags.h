// The flags of `connbench cluster`, and what they mean.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/command_line.h"
#include "bench/run_flags.h"
#include "cluster/hosts.h"
#include "cluster/preflight.h"

namespace connbench {

struct ClusterFlags {
  std::string action;  // "run" or "check"
  std::vector<std::string> hosts;
  std::vector<std::string> serve;
  std::string hostfile;
  std::string launcher;
  std::string agent = "ssh";
  std::vector<std::string> parameters;  // --mca
  std::string folder;
  bool each_host = false;
  bool by_host = false;
  bool continue_without = false;
  std::string keep_samples_above = "10000000";
  std::vector<std::string> limits;  // made up, for --dry-run
  RunFlags run{};
};

std::vector<FlagGroup> describe(ClusterFlags& flags);

/// Which hosts take part, and how they are started.
struct ClusterOptions {
  std::vector<cluster::HostName> clients;  ///< none with a launcher of the user's, whose ranks say their names
  std::vector<cluster::HostName> servers;
  cluster::Reach reach;
  std::vector<std::string> launcher;  ///< its words; empty = mpirun
  std::vector<std::string> parameters;
  bool each_host = false;           ///< the whole plan on every host
  bool by_host = false;             ///< a table of the hosts' parts
  bool continue_without = false;    ///< after the loss of hosts, a new run on the others
  uint64_t keep_samples_above = 0;  ///< in a run with more samples than that, every host keeps its own

  bool has_own_launcher() const noexcept { return !launcher.empty(); }
  /// Clients first: rank 0 is one of them.
  std::vector<cluster::HostName> hosts() const;
};

/// @throws std::invalid_argument that names the flag
ClusterOptions read_cluster(const ClusterFlags& flags);

/// In which folder of every host a job has its own (cluster::JobFolder).
std::filesystem::path parent_of_job_folder(const ClusterOptions& options);

/// The words that start one rank on every host. @param job_folder not used by a launcher of the user's
std::vector<std::string> launch_command(const ClusterOptions& options, const std::string& job_folder);

/// @throws MachineLacks when this program was built without MPI, or there is no launcher
void require_launcher(const ClusterOptions& options);

}  // namespace connbench
