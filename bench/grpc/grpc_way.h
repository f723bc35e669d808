// Channels of gRPC, one per attempt, through its public interface. Only this file's source includes gRPC.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "bench/grpc/way.h"
#include "harness/connector/endpoint.h"

namespace connbench::channels {

/// "1.51.1"
std::string grpc_version();

/// GetState(true), then NotifyOnStateChange() into one completion queue, which the calling thread empties. An attempt
/// is ready when its channel is READY, and failed when it is in TRANSIENT_FAILURE.
std::unique_ptr<Way> notified_channels(const Endpoint& to, size_t attempts);

/// WaitForConnected(), one channel at a time. It does not end with a failure, only with its deadline.
std::unique_ptr<Way> awaited_channels(const Endpoint& to, size_t attempts);

/// A channel to be watched.
struct Watched {
  Endpoint to;
  Duration min_timeout{};  ///< grpc.min_reconnect_backoff_ms, which bounds a try; zero = gRPC's default
};
struct Change {
  size_t channel;     ///< index of the channel
  Duration after;     ///< since Changes::begun
  std::string state;  ///< "CONNECTING"
};
struct Changes {
  TimePoint begun;  ///< just before the first GetState(true)
  std::vector<Change> changes;
};
/// Begins to connect all channels, and returns after `length` how their states have changed.
Changes watch_channels(std::span<const Watched> watched, Duration length);

}  // namespace connbench::channels
