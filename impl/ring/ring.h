// An io_uring: its queues, its table of direct descriptors, and the requests that make a connection.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"

namespace connbench {

/// A submission queue, a completion queue and a table of direct descriptors: sockets that have a slot in the ring but
/// no descriptor number in the process. Requests are sent by submit() and wait(), or earlier when the submission queue
/// is full.
///
/// A request marked "silent" has a completion only when it fails.
class Ring {
 public:
  /// The kind of request that a completion belongs to.
  enum class Tag : uint32_t { connect, socket, install, housekeeping };

  /// Makes room for `submissions` requests at a time (rounded up to a power of two), for `completions` that have not
  /// been taken yet (the kernel keeps any further ones, so none is lost) and for `slots` direct descriptors.
  /// @throws std::system_error
  Ring(unsigned submissions, unsigned completions, unsigned slots);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// Opens a socket in `slot`, then calls connect(). One completion: that of the socket if it fails, else that of
  /// connect(). `deadline` (nullptr: none) is a CLOCK_MONOTONIC time that the next submission reads; when it passes,
  /// connect() ends with ECANCELED.
  void connect(uint32_t slot, const Endpoint& to, const __kernel_timespec* deadline) noexcept;
  /// Sets SO_LINGER to 0, silently: the close that follows resets the connection.
  void reset_on_close(uint32_t slot) noexcept;
  /// Closes the socket in `slot`, silently. Requests added after this one may use the slot again.
  void close(uint32_t slot) noexcept;
  /// Gives the socket in `slot` a descriptor in this process too. The completion carries `index` and the descriptor.
  void install(uint32_t slot, uint32_t index) noexcept;
  /// Ends connect() in `slot` with ECANCELED, silently. This has no effect when it has ended already, or when the
  /// kernel is working on it at that moment.
  void cancel(uint32_t slot) noexcept;
  /// Disconnects the socket in `slot`, silently: a pending connect() ends with ECONNRESET. Unlike cancel(), which
  /// searches a list of requests, this costs the same however many are pending.
  void disconnect(uint32_t slot) noexcept;

  /// Submits the requests, in one system call if there are any, and does not wait. Returns errno. After any error but
  /// EINTR the ring may have lost requests and must not be used any more.
  int submit() noexcept;
  /// Submits the requests and waits at most until `wake` (a past time: not at all) for a completion, in one system
  /// call. Returns errno, including EINTR; that the time has passed is not an error.
  int wait(TimePoint wake) noexcept;

  /// The number of completions that can be taken now. More may arrive at any moment.
  size_t ready() const noexcept { return io_uring_cq_ready(&ring_); }

  /// Calls function(tag, index, result) for at most `most` completions, in their order.
  template <class Function>
  void take(size_t most, Function function) {
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      if (taken == most) break;
      ++taken;
      function(static_cast<Tag>(completion->user_data >> 32), static_cast<uint32_t>(completion->user_data),
               completion->res);
    }
    io_uring_cq_advance(&ring_, taken);
  }

  /// Why this machine cannot provide such a ring with `slots` direct descriptors; nullopt when it can. Finds out by
  /// trying. `descriptors`: whether install() is needed too.
  static std::optional<std::string> probe(size_t slots, bool descriptors);

 private:
  io_uring_sqe& next(Tag tag, uint32_t index, unsigned flags) noexcept;
  void make_room(unsigned requests) noexcept;

  io_uring ring_{};
  int error_ = 0;  // why the ring stopped accepting requests
  std::unique_ptr<io_uring_sqe> discarded_ = std::make_unique<io_uring_sqe>();  // takes all requests after that
};

}  // namespace connbench
