#include "harness/lab/link/held_frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/lab/link/random.h"

namespace connbench::lab {
namespace {

FrameNote note(size_t length) {
  return {.length = static_cast<uint16_t>(length), .leaves_by = End::far, .is_answer = true};
}

TEST(FramePool, KeepsFramesSeparate) {
  FramePool pool;
  std::vector<FramePool::Slot> slots;
  for (size_t i = 0; i < 300; ++i) {
    slots.push_back(pool.take(note(i % 2 == 0 ? 124 : FramePool::longest_frame)));
    std::ranges::fill(pool.bytes(slots.back()), static_cast<uint8_t>(i));
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto bytes = pool.bytes(slots[i]);
    EXPECT_EQ(bytes.size(), i % 2 == 0 ? 124U : FramePool::longest_frame);
    EXPECT_TRUE(std::ranges::all_of(bytes, [&](uint8_t byte) { return byte == static_cast<uint8_t>(i); }));
    EXPECT_EQ(pool.note(slots[i]).leaves_by, End::far);
    EXPECT_TRUE(pool.note(slots[i]).is_answer);
  }
}

TEST(FramePool, IsBoundedAndReusesReturnedSlots) {
  FramePool pool;
  std::set<FramePool::Slot> taken;
  for (const size_t length : {size_t{60}, FramePool::longest_frame}) {
    FramePool::Slot slot;
    while ((slot = pool.take(note(length))) != FramePool::none) ASSERT_TRUE(taken.insert(slot).second);
  }
  EXPECT_EQ(taken.size(), FramePool::most_frames);
  for (const FramePool::Slot slot : taken) pool.give_back(slot);
  for (size_t i = 0; i < 10'000; ++i) EXPECT_TRUE(taken.contains(pool.take(note(60))));
}

TEST(FramePool, RejectsFramesLongerThanASlot) {
  FramePool pool;
  EXPECT_EQ(pool.take(note(FramePool::longest_frame + 1)), FramePool::none);
}

TEST(HeldFrames, ComeOutInOrderOfDueTimeThenOfArrival) {
  constexpr uint32_t frames = 10'000;
  HeldFrames held(frames);
  Random random(1);
  for (uint32_t i = 0; i < frames; ++i) held.add(i, TimePoint(Duration(static_cast<int64_t>(random.below(100)))));
  HeldFrames::Held last = held.take_first();
  for (uint32_t i = 1; i < frames; ++i) {
    EXPECT_FALSE(held.empty());
    const TimePoint announced = held.first_due();
    const HeldFrames::Held next = held.take_first();
    EXPECT_EQ(next.due, announced);
    EXPECT_TRUE(last.due < next.due || (last.due == next.due && last.slot < next.slot));
    last = next;
  }
  EXPECT_TRUE(held.empty());
}

}  // namespace
}  // namespace connbench::lab
