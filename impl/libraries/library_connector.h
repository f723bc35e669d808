// What connectors have in common that leave the loop to a library: a table of what is in flight, and its account.
#pragma once

#include <vector>

#include "harness/connector/registry.h"

namespace connbench {

/// One thread, many attempts in flight, each a slot with the library's own objects. A back end begins an attempt, gives
/// one up, and turns the library's loop.
///
/// A slot is decided once (finished is stamped, its socket is retired), and ends once: when the library has called back
/// for the last time, and the slot can be used again. Only what has ended is reaped, so that there is always a free
/// slot for what may be in flight.
class LibraryConnector : public Connector {
 public:
  size_t submit(std::span<const Attempt> attempts) final;
  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) final;
  void cancel_all() final;
  size_t in_flight() const final { return open_ + done_.size(); }

 protected:
  /// The part of an attempt that is the same for all libraries; to be derived from.
  struct InFlight {
    Completion completion;
    sa_family_t family = AF_UNSPEC;
    bool open = false;     // from begin() to ended()
    bool decided = false;  // the outcome is known; only callbacks are waited for
  };

  explicit LibraryConnector(const ConnectorSettings& settings);

  /// To be called in the constructor for each of settings.max_in_flight slots, which the back end owns.
  void adopt(InFlight& slot);

  /// Begins an attempt. Stamps completion.started just before its first system call.
  virtual void begin(InFlight& slot, const Attempt& attempt) = 0;
  /// cancel_all() has come to an attempt that is not decided.
  virtual void give_up(InFlight& slot) = 0;
  /// Turns the library's loop; waits for something to happen at most until `wake` (at_once: does not block).
  virtual void turn(TimePoint wake) = 0;
  static constexpr TimePoint at_once{};

  /// The outcome is known: stamps finished, and classifies. The socket is to be retired now.
  static void decide(InFlight& slot, Evidence evidence) noexcept;
  /// The library has nothing more to say of it.
  void ended(InFlight& slot);
  /// For the destructor of a back end: cancels, and waits for the library's last callbacks.
  void shut_down();

  Retirement& retirement() const noexcept { return retirement_; }

 private:
  Retirement& retirement_;
  std::vector<InFlight*> slots_;
  std::vector<InFlight*> free_;
  size_t open_ = 0;
  std::vector<Completion> done_;
};

/// Libraries open the socket and call connect() in one function. Which of the two failed, when it returns `error`: what
/// only socket() can say is socket()'s.
Call call_that_failed(int error) noexcept;
/// The same, when the library tells later, whatever failed: a UNIX socket's connect() has answered at once, TCP's is
/// asked for by SO_ERROR. `error` 0 = connected.
Call call_that_told(int error, sa_family_t family) noexcept;

/// Milliseconds from now until `time`, rounded up; 0 when it has passed.
int64_t milliseconds_until(TimePoint time) noexcept;
/// `duration` in milliseconds, rounded up.
int64_t whole_milliseconds(Duration duration) noexcept;

}  // namespace connbench
