// Runs the fuzzer's check on frames corrupted with a fixed seed, with every compiler and sanitizer.
#include "tests/fuzz/packet_fuzz.h"

#include <gtest/gtest.h>

#include "harness/lab/link/frames.h"
#include "harness/lab/link/random.h"

namespace connbench::lab {
namespace {

using frames::Bytes;

/// Applies some of: flip a bit, set a byte to an extreme value, duplicate a part, remove a part, truncate.
Bytes corrupted(Bytes frame, Random& random) {
  for (uint64_t changes = 1 + random.below(6); changes > 0 && !frame.empty(); --changes) {
    const auto at = frame.begin() + static_cast<ptrdiff_t>(random.below(frame.size()));
    const auto rest = static_cast<uint64_t>(frame.end() - at);
    const auto end = at + static_cast<ptrdiff_t>(1 + random.below(std::min<uint64_t>(rest, 40)));
    switch (random.below(5)) {
      case 0:
        *at ^= static_cast<uint8_t>(1U << random.below(8));
        break;
      case 1:
        *at = random.below(2) == 0 ? 0 : 0xff;
        break;
      case 2: {
        const Bytes part(at, end);
        frame.insert(at, part.begin(), part.end());
        break;
      }
      case 3:
        frame.erase(at, end);
        break;
      case 4:
        if (random.below(8) == 0) frame.erase(at, frame.end());
        break;
    }
  }
  return frame;
}

TEST(CheckFrame, HoldsForCorruptedFrames) {
  Random random(20);
  const auto kinds = frames::every_kind();
  for (int i = 0; i < 100'000; ++i) {
    const Bytes frame = corrupted(kinds[random.below(kinds.size())].bytes, random);
    check_frame(frame);
  }
}

TEST(CheckFrame, HoldsForWellFormedFrames) {
  for (const frames::Named& kind : frames::every_kind()) check_frame(kind.bytes);
}

}  // namespace
}  // namespace connbench::lab
