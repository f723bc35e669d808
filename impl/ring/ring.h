// An io_uring: its queues, its table of direct descriptors, and the requests that a connection is made of.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"

namespace connbench {

/// Submission queue, completion queue and a table of direct descriptors: sockets that have a slot in the ring and no
/// number in the process. Nothing is sent before submit() or wait(), unless the submission queue is full.
///
/// Requests marked "silent" have a completion only when they fail.
class Ring {
 public:
  /// What a completion belongs to: `tag` and `index` are as they were given to the request.
  enum class Tag : uint32_t { connect, socket, install, housekeeping };

  /// Room for `submissions` at a time (rounded up to a power of two), `completions` that wait to be taken (more are
  /// kept by the kernel: none is lost) and `slots` direct descriptors. @throws std::system_error
  Ring(unsigned submissions, unsigned completions, unsigned slots);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// A socket in `slot`, then connect(). One completion: of the socket when that fails, else of connect(). `deadline`,
  /// if any, is a CLOCK_MONOTONIC time that is read by the next submission; when it passes, connect() ends with
  /// ECANCELED.
  void connect(uint32_t slot, const Endpoint& to, const __kernel_timespec* deadline) noexcept;
  /// SO_LINGER 0, silent: the close that follows resets the connection.
  void reset_on_close(uint32_t slot) noexcept;
  /// Silent. The slot is free for requests that are added after this one.
  void close(uint32_t slot) noexcept;
  /// Gives the socket in `slot` a descriptor of this process as well: the result of the completion, with `index`.
  void install(uint32_t slot, uint32_t index) noexcept;
  /// Ends connect() in `slot` with ECANCELED, silently. It may have ended already, and may be too busy to be ended.
  void cancel(uint32_t slot) noexcept;
  /// Takes the address from the socket in `slot`, silently: a connect() that is under way there ends with an error
  /// (ECONNRESET). Unlike cancel(), which goes through a list of requests, it costs the same however many are pending.
  void disconnect(uint32_t slot) noexcept;

  /// One system call, if there is anything to submit: requests are begun, and nothing is waited for. Returns errno.
  /// After any but EINTR the ring may have lost requests, and is of no use.
  int submit() noexcept;
  /// One system call: submits, and waits at most until `wake` (a past time: not at all) for a completion. EINTR is
  /// returned like any errno; that the time has passed is not an error.
  int wait(TimePoint wake) noexcept;

  /// Completions that can be taken now. Others may come at any moment: an interrupt is enough.
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

  /// Why this machine has no such ring, or not with `slots` direct descriptors; `descriptors`: install() is needed too.
  /// Asks the kernel by trying.
  static std::optional<std::string> probe(size_t slots, bool descriptors);

 private:
  io_uring_sqe& next(Tag tag, uint32_t index, unsigned flags) noexcept;
  void make_room(unsigned requests) noexcept;

  io_uring ring_{};
  int error_ = 0;  // why the ring took a request no more: it is of no use then
  std::unique_ptr<io_uring_sqe> discarded_ = std::make_unique<io_uring_sqe>();  // where later requests go
};

}  // namespace connbench
