// Frames that wait for their time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "harness/lab/link/mapping.h"
#include "harness/support/clock.h"

namespace connbench::lab {

/// The two ends of the link, and the two directions: a frame is known by the end that it leaves by.
enum class End : uint8_t { near, far };
constexpr End other(End end) noexcept {
  return end == End::near ? End::far : End::near;
}

/// What is noted of a frame beside its bytes.
struct FrameNote {
  uint16_t length;
  End leaves_by;
  bool is_answer;  ///< the link made it
};

/// Memory for frames: 64 MiB of slots, nothing allocated while the link runs.
///
/// Two sizes, because what opens and closes connections is short: 260,000 frames of up to 124 bytes, 16,000 longer.
class FramePool {
 public:
  static constexpr size_t longest_frame = 2044;
  using Slot = uint32_t;
  static constexpr Slot none = UINT32_MAX;

  /// @throws std::system_error
  FramePool() = default;

  /// A slot for `note.length` bytes, `none` when there is no room.
  Slot take(const FrameNote& note) noexcept;
  void give_back(Slot slot) noexcept;

  std::span<uint8_t> bytes(Slot slot) const noexcept;
  const FrameNote& note(Slot slot) const noexcept { return header(slot).note; }

 private:
  union Header {  // before the frame's bytes
    Slot next_free;
    FrameNote note;
  };

  /// Slots of one size. Those returned last are used first: the memory in use stays small and warm.
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
  static constexpr Slot long_bit = Slot{1} << 31;  // in a slot's number: which shelf

  Header& header(Slot slot) const noexcept { return (slot & long_bit ? long_ : short_).header(slot & ~long_bit); }

  Shelf short_{.slot_size = short_slot, .slots = (32U << 20) / short_slot};
  Shelf long_{.slot_size = long_slot, .slots = (32U << 20) / long_slot};

 public:
  static constexpr size_t most_frames = (size_t{32} << 20) / short_slot + (size_t{32} << 20) / long_slot;
};

/// Slots by the time when they are due; those due at the same time in the order of their coming.
///
/// A binary heap: one queue for every delay and for jitter. A queue for each delay would need no comparing, but a look
/// at each queue's head instead; with 1,000 frames held the heap takes some 40 ns a frame (`link_bench`), where sending
/// one takes the kernel several microseconds.
class HeldFrames {
 public:
  /// Room for `most` frames. @throws std::bad_alloc
  explicit HeldFrames(size_t most) { heap_.reserve(most); }

  bool empty() const noexcept { return heap_.empty(); }
  /// When the first is due; only if there is one.
  TimePoint first_due() const noexcept { return heap_.front().due; }

  /// There must be room.
  void add(FramePool::Slot slot, TimePoint due) noexcept;

  struct Held {
    TimePoint due;
    FramePool::Slot slot;
  };
  /// Takes out the first; only if there is one.
  Held take_first() noexcept;

 private:
  struct Entry {
    TimePoint due;
    FramePool::Slot slot;
    uint32_t order;  // it wraps around: never compared over more than what is held
  };
  static bool later(const Entry& a, const Entry& b) noexcept {
    if (a.due != b.due) return a.due > b.due;
    return static_cast<int32_t>(a.order - b.order) > 0;
  }

  std::vector<Entry> heap_;
  uint32_t next_order_ = 0;
};

}  // namespace connbench::lab
