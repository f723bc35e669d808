// What connectors share that leave the event loop to a library: a table of the attempts in flight.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/connector/registry.h"
#include "impl/sockets/socket_setup.h"

namespace connbench {

/// A non-blocking socket by the options. When evidence.error is not 0, there is none for this attempt.
Evidence open_socket(SocketSetup& setup, sa_family_t family, UniqueFd& fd) noexcept;

/// One thread, many attempts in flight, each in a slot with the library's own objects. A derived class begins an
/// attempt, gives one up, and runs the library's loop.
///
/// A slot goes through two steps, each exactly once. It is decided when the outcome is known: `finished` is stamped and
/// the socket is retired. It ends after the library's last callback, when it can be used again. Only ended slots are
/// reaped, so there is always a free slot for an attempt that may be submitted.
class LibraryConnector : public Connector {
 public:
  size_t submit(std::span<const Attempt> attempts) final;
  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) final;
  void cancel_all() final;
  size_t in_flight() const final { return open_ + done_.size(); }

 protected:
  /// The part of a slot that is the same for all libraries. Derived classes add their objects.
  struct InFlight {
    Completion completion;
    sa_family_t family = AF_UNSPEC;
    bool open = false;     // from begin() to ended()
    bool decided = false;  // the outcome is known; callbacks may still be outstanding
  };

  explicit LibraryConnector(const ConnectorSettings& settings);

  /// To be called in the constructor for each of settings.max_in_flight slots, which the derived class owns.
  void adopt(InFlight& slot);

  /// Begins an attempt. Stamps completion.started just before its first system call.
  virtual void begin(InFlight& slot, const Attempt& attempt) = 0;
  /// Cancels an attempt that is not decided yet.
  virtual void give_up(InFlight& slot) = 0;
  /// Runs the library's loop once; waits for an event at most until `wake` (at_once: does not block).
  virtual void run_loop(TimePoint wake) = 0;
  static constexpr TimePoint at_once{};

  /// The outcome is known: stamps `finished` and classifies. The socket must be retired next.
  static void decide(InFlight& slot, Evidence evidence) noexcept;
  /// The library has made its last callback for this slot.
  void ended(InFlight& slot);
  /// For the destructor of a derived class: cancels everything and waits for the library's last callbacks.
  void shut_down();

  Retirement& retirement() const noexcept { return retirement_; }

  /// For a library that can be given a socket: whether it opens its own, because no option asks for anything else.
  bool library_opens_sockets() const noexcept { return setup_.is_default(); }
  /// Otherwise: the function of the same name, with this connector's options.
  Evidence open_socket(sa_family_t family, UniqueFd& fd) noexcept { return connbench::open_socket(setup_, family, fd); }
  /// For begin_connect().
  SocketSetup& setup() noexcept { return setup_; }

 private:
  Retirement& retirement_;
  SocketSetup setup_;
  std::vector<InFlight*> slots_;
  std::vector<InFlight*> free_;
  size_t open_ = 0;
  std::vector<Completion> done_;
};

/// For libraries that open the socket and call connect() in one function: which of the two calls failed with `error`.
/// An errno that only socket() can return is attributed to socket().
Call call_that_failed(int error) noexcept;
/// The same for libraries that report the result later, in a callback: for a UNIX socket it is the result of connect(),
/// which never waits; for TCP it comes from SO_ERROR. `error` 0 = connected.
Call call_that_reported(int error, sa_family_t family) noexcept;

/// Milliseconds from now until `time`, rounded up; 0 when it has passed.
int64_t milliseconds_until(TimePoint time) noexcept;
/// `duration` in milliseconds, rounded up.
int64_t whole_milliseconds(Duration duration) noexcept;

}  // namespace connbench
