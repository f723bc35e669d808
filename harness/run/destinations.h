// How many connections a run has open, or waiting in TIME_WAIT, at the same time. Targets listen on so many addresses
// that the kernel finds a free source port for each of them without a long search.
#pragma once

#include <cstddef>

#include "harness/run/plan.h"

namespace connbench {

/// The most connections that hold a port at the same time. A connection that is reset (`rst`) releases its port at
/// once, one that is kept (`hold`) with its wave, and one that is closed (`fin`) stays in TIME_WAIT for a minute: those
/// of all waves of the run add up.
/// @param most_time_waits how many the kernel keeps in TIME_WAIT: net.ipv4.tcp_max_tw_buckets
size_t most_ports_held(const RunRequest& request, const Plan& plan, size_t most_time_waits);

}  // namespace connbench
