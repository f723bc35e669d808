// The least that holds attempts pending in several descriptor tables, and gives each up at its deadline: what sharded
// connectors are held against.
#pragma once

#include <span>

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"
#include "harness/wave/sample.h"

namespace connbench {

struct BareShards {
  size_t shards;
  Duration timeout;  ///< of each attempt, from its start
  std::span<const Endpoint> endpoints;
  double rate_per_s = 0;  ///< attempt i is due i / rate after the beginning, in shard i mod `shards`; 0 = all at once
};

/// In each of `shards` threads, begun with a descriptor table of its own: socket, connect, epoll_ctl for its share of
/// samples.size() attempts, each stamped before its first call, and one epoll_wait() until the oldest deadline (an
/// absolute timerfd, the earliest of all waits that we know), close() of what is overdue. One list and one reading of
/// the clock for all that is overdue; no outcomes, no look at what became of a socket. Fills in `started_ns` and
/// `finished_ns`. To be called in a process of its own. @throws std::system_error
void bare_shards(const BareShards& what, std::span<Sample> samples);

}  // namespace connbench
