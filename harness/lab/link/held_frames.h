// Frames that wait for their departure time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "harness/lab/link/mapping.h"
#include "harness/support/clock.h"

namespace connbench::lab {

/// The two ends of the link. A frame's direction is named by the end it leaves by.
enum class End : uint8_t { near, far };
constexpr End other(End end) noexcept {
  return end == End::near ? End::far : End::near;
}

/// What is stored about a frame besides its bytes.
struct FrameNote {
  uint16_t length;
  End leaves_by;
  bool is_answer;  ///< the link created it as an answer
};

/// Memory for frames: 64 MiB of slots. Nothing is allocated while the link runs.
///
/// There are two slot sizes, because the packets that open and close connections are short: 260,000 slots for up to 124
/// bytes, 16,000 for longer frames.
class FramePool {
 public:
  static constexpr size_t longest_frame = 2044;
  using Slot = uint32_t;
  static constexpr Slot none = UINT32_MAX;

  /// @throws std::system_error
  FramePool() = default;

  /// A slot for `note.length` bytes; `none` when there is no room.
  Slot take(const FrameNote& note) noexcept;
  void give_back(Slot slot) noexcept;

  std::span<uint8_t> bytes(Slot slot) const noexcept;
  const FrameNote& note(Slot slot) const noexcept { return header(slot).note; }

 private:
  union Header {  // before the frame's bytes
    Slot next_free;
    FrameNote note;
  };

  /// Slots of one size. The slot returned last is reused first, so that the memory in use stays small and in cache.
  struct Shelf {
    size_t slot_size;
    Slot slots;
    Slot first_free = none;
    Slot never_used = 0;
    Mapping memory{slot_size * slots};

    Slot take() noexcept;
    void give_back(Slot slot) noexcept;
    Header& header(Slot slot) const noexcept;
  };

  static constexpr size_t short_slot = 128;
  static constexpr size_t long_slot = sizeof(Header) + longest_frame;
  static constexpr Slot long_bit = Slot{1} << 31;  // in a slot's number: set for a long slot

  Header& header(Slot slot) const noexcept { return (slot & long_bit ? long_ : short_).header(slot & ~long_bit); }

  Shelf short_{.slot_size = short_slot, .slots = (32U << 20) / short_slot};
  Shelf long_{.slot_size = long_slot, .slots = (32U << 20) / long_slot};

 public:
  static constexpr size_t most_frames = (size_t{32} << 20) / short_slot + (size_t{32} << 20) / long_slot;
};

/// Slots ordered by due time; slots due at the same time keep their order of arrival.
///
/// A binary heap serves every delay and jitter. One queue per delay would need no comparisons, but would have to check
/// the head of each queue. With 1,000 frames held, the heap takes about 40 ns per frame (`link_bench`), while sending a
/// frame takes the kernel several microseconds.
class HeldFrames {
 public:
  /// Room for `most` frames. @throws std::bad_alloc
  explicit HeldFrames(size_t most) { heap_.reserve(most); }

  bool empty() const noexcept { return heap_.empty(); }
  /// When the first frame is due. Must not be empty.
  TimePoint first_due() const noexcept { return heap_.front().due; }

  /// There must be room: at most `most` frames are held at once.
  void add(FramePool::Slot slot, TimePoint due) noexcept;

  struct Held {
    TimePoint due;
    FramePool::Slot slot;
  };
  /// Removes the first frame. Must not be empty.
  Held take_first() noexcept;

 private:
  struct Entry {
    TimePoint due;
    FramePool::Slot slot;
    uint32_t order;  // wraps around, which is safe: fewer frames are held than half its range
  };
  static bool later(const Entry& a, const Entry& b) noexcept {
    if (a.due != b.due) return a.due > b.due;
    return static_cast<int32_t>(a.order - b.order) > 0;
  }

  std::vector<Entry> heap_;
  uint32_t next_order_ = 0;
};

}  // namespace connbench::lab
