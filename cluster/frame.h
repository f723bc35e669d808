// What passes through the pipes of a cluster's job: from the conductor to the launcher, which carries it to rank 0, and
// from there to the worker of each host, and back.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "harness/support/unique_fd.h"

namespace connbench::cluster {

enum class FrameKind : uint32_t {
  message,  ///< between the conductor and the worker of `rank`; nobody in between looks into it
  measure,  ///< to rank 0: compare the clocks of these ranks (packed int32) with its own
  clocks,   ///< its answer: a packed ClockReading for each of them
  begin,    ///< to rank 0: a wave begins after a lead (int64 ns); these ranks (int32) get its instant;
            ///< to a worker: the instant on its own clock (int64 ns)
  lost,     ///< by rank 0: `rank` takes no part any more; the payload says why
  pulse,    ///< by rank 0: it is alive; how many ranks there are (int32)
  end       ///< to a rank: it ends; the payload is empty unless some are lost, for whom nobody must wait
};

struct Frame {
  FrameKind kind = FrameKind::message;
  int32_t rank = 0;
  std::string payload{};
};

/// The most bytes of payload that a sender puts into one frame.
inline constexpr size_t usual_payload = 48 * 1024;

/// Frames through a pair of pipes, or a pair of ends of other files.
class FrameStream {
 public:
  FrameStream(UniqueFd in, UniqueFd out) : in_(std::move(in)), out_(std::move(out)) {}

  /// Waits until the frame is written. @throws std::system_error, also when nobody reads any more
  void send(const Frame& frame);
  /// Readable when read_on() has something to do.
  int fd() const noexcept { return in_.get(); }
  /// Reads what has arrived; waits where nothing has. False at the end, and after an error.
  bool read_on();
  /// The next whole frame; nullopt = more has to be read. @throws std::runtime_error for what is not a frame
  std::optional<Frame> next();
  /// Waits for the next frame; nullopt at the end.
  std::optional<Frame> wait();
  void close_output() noexcept { out_.reset(-1); }

 private:
  UniqueFd in_, out_;
  std::string unread_;
  size_t taken_ = 0;
};

/// Plain values as they lie in memory: all hosts of a cluster run the same program.
template <class Value>
void pack(std::string& to, const Value& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
/// Takes a value from the front of `from`. @throws std::runtime_error when it is too short
template <class Value>
Value unpack(std::string_view& from) {
  Value value;
  if (from.size() < sizeof value) throw std::runtime_error("a frame of the cluster's job is too short");
  from.copy(reinterpret_cast<char*>(&value), sizeof value);
  from.remove_prefix(sizeof value);
  return value;
}

/// How the clock of a host differs from that of rank 0.
struct ClockReading {
  int32_t rank = 0;
  int64_t offset_ns = 0;  ///< its clock minus that of rank 0
  int64_t bound_ns = -1;  ///< how far off that may be at most; -1 = could not be measured
  int64_t at_ns = 0;      ///< when, on the clock of rank 0
};

}  // namespace connbench::cluster
