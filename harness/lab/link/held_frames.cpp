#include "harness/lab/link/held_frames.h"

#include <algorithm>

namespace connbench::lab {

FramePool::Header& FramePool::Shelf::header(Slot slot) const noexcept {
  return *reinterpret_cast<Header*>(memory.bytes() + slot_size * slot);
}

FramePool::Slot FramePool::Shelf::take() noexcept {
  if (first_free != none) {
    const Slot slot = first_free;
    first_free = header(slot).next_free;
    return slot;
  }
  return never_used < slots ? never_used++ : none;
}

void FramePool::Shelf::give_back(Slot slot) noexcept {
  header(slot).next_free = first_free;
  first_free = slot;
}

FramePool::Slot FramePool::take(const FrameNote& note) noexcept {
  if (note.length > longest_frame) return none;
  const bool is_long = note.length > short_slot - sizeof(Header);
  Slot slot = (is_long ? long_ : short_).take();
  if (slot == none) return none;
  if (is_long) slot |= long_bit;
  header(slot).note = note;
  return slot;
}

void FramePool::give_back(Slot slot) noexcept {
  (slot & long_bit ? long_ : short_).give_back(slot & ~long_bit);
}

std::span<uint8_t> FramePool::bytes(Slot slot) const noexcept {
  Header& at = header(slot);
  return {reinterpret_cast<uint8_t*>(&at + 1), at.note.length};
}

void HeldFrames::add(FramePool::Slot slot, TimePoint due) noexcept {
  heap_.push_back({due, slot, next_order_++});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

HeldFrames::Held HeldFrames::take_first() noexcept {
  std::pop_heap(heap_.begin(), heap_.end(), later);
  const Entry first = heap_.back();
  heap_.pop_back();
  return {first.due, first.slot};
}

}  // namespace connbench::lab
