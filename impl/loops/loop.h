// What all event loop connectors share: everything but the system call that waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/connector/registry.h"
#include "impl/loops/detect.h"
#include "impl/loops/pending.h"
#include "impl/sockets/socket_setup.h"

namespace connbench {

/// The options of every loop. A loop with more options lists these and its own.
inline constexpr auto loop_options = with_socket_options({detect_option});

/// One thread, many attempts in flight: non-blocking connect(), wait for readiness, check the result once (detect.h). A
/// derived class says how to watch a socket and how to wait.
class LoopConnector : public Connector {
 public:
  explicit LoopConnector(const ConnectorSettings& settings);

  size_t submit(std::span<const Attempt> attempts) final;
  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) final;
  void cancel_all() final;
  size_t in_flight() const final { return pending_.size() + done_.size(); }

 protected:
  /// Do not block.
  static constexpr TimePoint at_once{};

  /// Begins to watch the socket of a pending entry for writability; `evidence.error` is 0 on success.
  virtual Evidence watch(uint32_t index) = 0;
  /// Called before a watched entry is removed.
  virtual void unwatch(uint32_t /*index*/) {}
  /// Waits at most until `wake`, and calls ready() for each ready socket. May return early. Returns errno, 0 = none.
  virtual int wait(TimePoint wake) = 0;

  /// Called at the end of reap(): for what unwatch() has put off.
  virtual void settle() {}

  /// To be called when a watched socket is ready. `writable` is false when it may be ready only because of an error.
  /// Returns false when the attempt continues, because SO_ERROR does not have that error yet.
  bool ready(uint32_t index, bool writable);
  /// Ends the attempt now, with the given evidence.
  void end(uint32_t index, Evidence evidence);

  const Pending& pending() const noexcept { return pending_; }

 private:
  void start(const Attempt& attempt);
  void expire(TimePoint time);
  void end_all(const Evidence& evidence);
  void complete(uint64_t id, TimePoint started, TimePoint finished, const Evidence& evidence, UniqueFd fd);

  Retirement& retirement_;
  SocketSetup setup_;
  Detect detect_;
  Pending pending_;
  std::vector<Completion> done_;
};

}  // namespace connbench
