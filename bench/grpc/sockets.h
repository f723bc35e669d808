// Bare non-blocking sockets: what a channel of gRPC is compared with.
#pragma once

#include <cstdint>
#include <deque>

#include "bench/grpc/way.h"
#include "harness/connector/endpoint.h"
#include "harness/support/unique_fd.h"
#include "impl/sockets/timed_epoll.h"

namespace connbench::channels {

/// When an attempt counts as ready.
enum class Until : uint8_t {
  connected,   ///< connect() has succeeded
  first_bytes  ///< the server's first bytes have been read, as READY needs its SETTINGS
};

class Sockets final : public Way {
 public:
  Sockets(const Endpoint& to, size_t attempts, Until until) : to_(to), until_(until) {
    for (size_t i = 0; i < attempts; ++i) sockets_.emplace_back(-1);
  }

  void prepare(size_t) override {}
  /// @throws std::system_error when there is no socket
  void begin(size_t attempt) override;
  std::optional<Ended> next(TimePoint deadline) override;
  void close(size_t attempt) override { sockets_[attempt].reset(-1); }

 private:
  End end_of(size_t attempt) const noexcept;

  Endpoint to_;
  Until until_;
  TimedEpoll epoll_;
  std::vector<UniqueFd> sockets_;
  std::deque<Ended> ended_;  // and not returned yet
};

}  // namespace connbench::channels
