// One end of the link: every Ethernet frame that arrives at an interface, through memory shared with the kernel.
#pragma once

#include <linux/if_packet.h>

#include <cstdint>
#include <optional>
#include <span>

#include "harness/lab/link/mapping.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench::lab {

/// An AF_PACKET socket with a TPACKET_V2 ring to receive from; frames are sent on the same descriptor.
class PacketSocket {
 public:
  enum class Sees : uint8_t { arriving, arriving_and_leaving };
  /// `interface`: a name in this network namespace. @throws std::system_error
  explicit PacketSocket(const char* interface, Sees sees = Sees::arriving);

  int fd() const noexcept { return fd_.get(); }

  /// Whether next() has something: one read of shared memory, no system call.
  bool has_frame() const noexcept;

  struct Frame {
    std::span<const uint8_t> bytes;  ///< valid until release()
    Duration stamp;                  ///< when the kernel received it, by CLOCK_REALTIME
    bool intact;                     ///< false: longer than a slot, or a VLAN tag was taken out
  };
  /// The oldest frame that is not released yet.
  std::optional<Frame> next() const noexcept;
  /// Gives the slot of next() back to the kernel.
  void release() noexcept;

  /// Frames that found no free slot since the last call.
  uint64_t take_drops() noexcept;
  /// An interface that goes down leaves an error, with which every wait returns at once until it is read.
  void clear_error() noexcept;

 private:
  tpacket2_hdr& slot() const noexcept;

  UniqueFd fd_;
  Mapping ring_;
  uint32_t next_ = 0;
};

}  // namespace connbench::lab
