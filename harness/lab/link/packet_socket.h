// One end of the link: receives every Ethernet frame that arrives at an interface, through memory shared with the
// kernel.
#pragma once

#include <linux/if_packet.h>

#include <cstdint>
#include <optional>
#include <span>

#include "harness/lab/link/mapping.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench::lab {

/// An AF_PACKET socket with a TPACKET_V2 receive ring. Frames are sent on the same descriptor.
class PacketSocket {
 public:
  enum class Sees : uint8_t { arriving, arriving_and_leaving };
  /// `interface`: its name in this network namespace. @throws std::system_error
  explicit PacketSocket(const char* interface, Sees sees = Sees::arriving);

  int fd() const noexcept { return fd_.get(); }

  /// Whether next() would return a frame. Reads shared memory; makes no system call.
  bool has_frame() const noexcept;

  struct Frame {
    std::span<const uint8_t> bytes;  ///< valid until release()
    Duration stamp;                  ///< when the kernel received it (CLOCK_REALTIME)
    bool intact;                     ///< false: it did not fit its slot, or a VLAN tag was removed
  };
  /// The oldest frame that has not been released yet.
  std::optional<Frame> next() const noexcept;
  /// Returns the slot of next() to the kernel.
  void release() noexcept;

  /// Frames dropped for want of a free slot since the last call.
  uint64_t take_drops() noexcept;
  /// An interface that goes down leaves an error on the socket. Until it is read, every wait returns at once.
  void clear_error() noexcept;

 private:
  tpacket2_hdr& slot() const noexcept;

  UniqueFd fd_;
  Mapping ring_;
  uint32_t next_ = 0;
};

}  // namespace connbench::lab
