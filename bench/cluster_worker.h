// connbench cluster-worker: what a cluster's job runs on each host. Not for people: it talks to the conductor through
// its standard streams.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

namespace connbench {

/// @param words "--name NAME": how the conductor calls this host; "--describe": say what this host is, and end;
/// "--job-folder PATH": where this job has files on every host
/// @return the exit status
int cluster_worker(std::span<const std::string> words);

/// What must be the same on all hosts: the version and the commit.
std::string program_version();

/// What this host is, as its worker says it.
nlohmann::ordered_json describe_host(const std::string& name);

}  // namespace connbench
