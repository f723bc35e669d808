// What every event loop connector is, but for the system call that it waits in.
#pragma once

#include "harness/connector/registry.h"
#include "impl/loops/detect.h"
#include "impl/loops/pending.h"
#include "impl/sockets/source_port.h"

namespace connbench {

/// The options of every loop. A back end with more lists these and its own.
inline constexpr OptionSpec loop_options[] = {source_port_option, detect_option};

/// One thread, many attempts in flight: connect() without blocking, wait for readiness, ask once how it went
/// (detect.h). A back end says how a socket is watched and how to wait.
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

  /// Begins to watch the socket of a pending entry for writability; `evidence.error` stays 0 when that worked.
  virtual Evidence watch(uint32_t index) = 0;
  /// Called before a watched entry is removed.
  virtual void unwatch(uint32_t /*index*/) {}
  /// Waits for readiness at most until `wake`, and calls ready() for what is. May return early. Returns errno, 0 =
  /// none.
  virtual int wait(TimePoint wake) = 0;

  /// A watched socket has become ready; `writable`: certainly not by an error alone. False: it was one, of which
  /// SO_ERROR has nothing yet; the attempt goes on.
  bool ready(uint32_t index, bool writable);
  /// The attempt ends with what is known of it.
  void end(uint32_t index, Evidence evidence, TimePoint finished);

  const Pending& pending() const noexcept { return pending_; }

 private:
  void start(const Attempt& attempt);
  void expire(TimePoint time);
  void end_all(const Evidence& evidence);
  void complete(uint64_t id, TimePoint started, TimePoint finished, const Evidence& evidence, UniqueFd fd);

  Retirement& retirement_;
  SourcePort port_;
  Detect detect_;
  Pending pending_;
  std::vector<Completion> done_;
};

}  // namespace connbench
