// Checks of a run that concern several flags at once.
#pragma once

#include <string>
#include <vector>

#include "bench/run_options.h"

namespace connbench {

/// The loads of --arrival in their canonical spelling; checks --spin with them. A rate alone, as in
/// poisson:1000/s,2000/s, arrives like the load before it. @throws std::invalid_argument
std::vector<std::string> read_arrivals(const RunFlags& flags);

/// Whether attempts can begin for a given time. @throws std::invalid_argument
void check_duration(const RunRequest& request);

/// Turns the request into a search for the rate that --find-rate asks for. @throws std::invalid_argument for goals that
/// no rate can meet, and for requests that a search cannot serve
void prepare_search(const RunFlags& flags, RunRequest& request);

/// Refuses waves whose attempts would take longer than a day to arrive. After bound_external(), which sets their gap.
/// @throws std::invalid_argument
void bound_arrivals(const RunRequest& request);

/// Refuses loads with more attempts than a wave can have. Before anything asks how many they are.
/// @throws std::invalid_argument
void bound_attempts(const RunRequest& request);

/// Keeps attempts at hosts outside within their bounds; each holds unless its own flag raises it.
/// @throws std::invalid_argument that names the flag to lower or to raise
void bound_external(const RunFlags& flags, RunRequest& request);

/// Decides whether the run takes place in a lab. A lab has no way out, so hosts outside and lab targets exclude each
/// other. @throws std::invalid_argument
void choose_network(const RunFlags& flags, RunOptions& options);

/// Looks up the hosts outside. It comes last: whatever else is wrong is found before the network is asked.
/// @throws std::invalid_argument for a host that does not exist, or not in the families that were asked for
/// @throws MachineLacks when this machine cannot find out
void find_hosts(RunRequest& request);

bool is_external(const NamedTarget& target);

}  // namespace connbench
