// An io_uring: its queues, its table of direct descriptors, and the requests that make a connection.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "harness/connector/endpoint.h"
#include "harness/connector/options.h"
#include "harness/support/clock.h"

namespace connbench {

inline constexpr OptionSpec setup_option{
    .name = "setup",
    .kind = OptionSpec::Kind::choice,
    .choices = "coop|defer|sqpoll|plain",
    .default_value = "coop",
    .help =
        "how the ring is set up: completions are processed when this thread enters the kernel anyway (COOP_TASKRUN), "
        "only when it asks for them (DEFER_TASKRUN), requests are sent by a thread of the kernel (SQPOLL), or nothing "
        "of this"};

/// The flags of io_uring_setup() that distinguish the choices of setup_option.
unsigned setup_flags_of(const Options& options);
/// Why this machine has no ring, from the error of io_uring_setup().
std::string why_no_ring(int error);
/// io_uring_queue_init_params(), which waits a moment when memory is short: that of closed rings is free only some
/// milliseconds later (docs/decisions.md).
/// Returns 0 or -errno.
int open_ring(unsigned submissions, io_uring& ring, io_uring_params& params) noexcept;

/// What a socket is besides plain TCP, and what is asked of it before connect().
struct RingSocket {
  int protocol = 0;
  bool fastopen = false;
  const Endpoint* source = nullptr;  ///< nullptr: the kernel chooses
};

/// How many requests an attempt takes to begin, at most: socket, what prepares it, connect, timeout.
unsigned requests_per_connect(const RingSocket& socket) noexcept;

/// A submission queue, a completion queue and a table of direct descriptors: sockets that have a slot in the ring but
/// no descriptor number in the process. Requests are sent by submit() and wait(), or earlier when the submission queue
/// is full.
///
/// A request marked "silent" has a completion only when it fails.
class Ring {
 public:
  /// The kind of request that a completion belongs to.
  enum class Tag : uint32_t { connect, socket, option, bind, install, housekeeping };

  /// Makes room for `submissions` requests at a time (rounded up to a power of two), for `completions` that have not
  /// been taken yet (the kernel keeps any further ones, so none is lost) and for `slots` direct descriptors.
  /// @param setup flags of setup_flags_of()
  /// @throws std::system_error
  Ring(unsigned submissions, unsigned completions, unsigned slots, unsigned setup);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// Opens a socket in `slot`, prepares it, then calls connect(). One completion: that of the first request that fails,
  /// else that of connect(). `deadline` (nullptr: none) is a CLOCK_MONOTONIC time that is read when the kernel takes
  /// the requests; when it passes, connect() ends with ECANCELED.
  void connect(uint32_t slot, const Endpoint& to, const __kernel_timespec* deadline,
               const RingSocket& socket = {}) noexcept;
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

  /// Whether a thread of the kernel takes the requests, some time after submit().
  bool is_polled() const noexcept { return (ring_.flags & IORING_SETUP_SQPOLL) != 0; }

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
  static std::optional<std::string> probe(size_t slots, bool descriptors, unsigned setup, const RingSocket& socket);

 private:
  io_uring_sqe& next(Tag tag, uint32_t index, unsigned flags) noexcept;
  static void set_option(io_uring_sqe& request, uint32_t slot, int level, int name, const void* value,
                         unsigned size) noexcept;
  void prepare(uint32_t slot, const RingSocket& socket) noexcept;
  void make_room(unsigned requests) noexcept;

  io_uring ring_{};
  int error_ = 0;  // why the ring stopped accepting requests
  std::unique_ptr<io_uring_sqe> discarded_ = std::make_unique<io_uring_sqe>();  // takes all requests after that
};

}  // namespace connbench
