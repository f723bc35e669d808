// One thread, one io_uring that only waits: the program makes its own system calls, as it would with epoll.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "impl/loops/loop.h"

namespace connbench {

inline constexpr OptionSpec poll_option{
    .name = "poll",
    .kind = OptionSpec::Kind::choice,
    .choices = "none|oneshot|multishot",
    .default_value = "none",
    .help =
        "the ring only waits until sockets are ready, and the program makes the calls itself, as libraries do that put "
        "io_uring in the place of epoll; a multishot request stays until it is removed; +deadline has no effect then"};

/// A poll request for each socket takes the place of epoll_ctl(), and those of a turn are sent together with the wait.
/// A request holds its socket open, so closing the descriptor does not end the connection before the request is gone. A
/// oneshot request is gone once it has reported; any other has to be removed, with one more request.
class RingLoop final : public LoopConnector {
 public:
  /// @throws std::system_error
  explicit RingLoop(const ConnectorSettings& settings);
  ~RingLoop() override;

  Capabilities capabilities() const override;

 private:
  Evidence watch(uint32_t index) override;
  void unwatch(uint32_t index) override;
  int wait(TimePoint wake) override;
  void settle() override { io_uring_submit(&ring_); }
  void take(uint64_t tag, int result, bool more);
  io_uring_sqe* next_request();
  uint64_t tag_of(uint32_t index) const { return uint64_t{generations_[index]} << 32 | index; }

  bool multishot_;
  std::vector<uint32_t> generations_;  // how many requests there have been under each index
  std::vector<bool> polled_;           // whether the current one still stands
  io_uring ring_{};
};

/// Why this machine has no such ring; nullopt when it has.
std::optional<std::string> probe_ring_loop(const ConnectorSettings& settings);

}  // namespace connbench
