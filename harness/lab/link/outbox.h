// Sends frames out of one end of the link, in batches.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

#include "harness/lab/link/held_frames.h"
#include "harness/lab/link/rule.h"
#include "harness/support/clock.h"

namespace connbench::lab {

/// Collects up to 64 frames and passes them to the kernel with one sendmmsg(). Afterwards it returns their slots to the
/// pool and counts the results.
class Outbox {
 public:
  static constexpr TimePoint at_once{};  ///< `due` of a frame without a delay, which cannot be late

  /// Everything passed must outlive it. `socket`: an AF_PACKET socket bound to the interface.
  Outbox(int socket, FramePool& pool, LinkReport& report) noexcept;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Sends the batch first when it is full.
  void add(FramePool::Slot slot, TimePoint due) noexcept;
  /// Never blocks. Frames that the kernel refuses are lost, as on any wire with a full queue.
  void send() noexcept;

 private:
  struct Item {
    FramePool::Slot slot;
    TimePoint due;
  };

  size_t send_from(size_t first) noexcept;
  void account(size_t first, size_t sent, TimePoint began) noexcept;

  static constexpr size_t batch = 64;
  int socket_;
  FramePool& pool_;
  LinkReport& report_;
  size_t count_ = 0;
  std::array<Item, batch> items_{};
  std::array<iovec, batch> pieces_{};
  std::array<mmsghdr, batch> messages_{};
};

}  // namespace connbench::lab
