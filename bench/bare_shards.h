// The least code that holds attempts pending in several descriptor tables and ends each at its deadline. Sharded
// connectors are compared with it.
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
  double rate_per_s = 0;  ///< attempt i is due at i / rate after the beginning, in shard i mod `shards`; 0 = at once
};

/// Runs `shards` threads, each with a descriptor table of its own. Each calls socket, connect and epoll_ctl for its
/// share of samples.size() attempts and stamps each of them before its first call. Then it waits in epoll_wait() until
/// the oldest deadline (with an absolute timerfd, the most punctual wait that we know) and closes what is overdue.
/// There is one list; the state of a socket is never checked. Fills in `started_ns` and `finished_ns`, which is read
/// for each attempt before its own socket is closed, as every connector does. To be called in a process of its own.
/// @throws std::system_error
void bare_shards(const BareShards& what, std::span<Sample> samples);

}  // namespace connbench
