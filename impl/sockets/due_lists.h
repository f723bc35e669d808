// When things that are numbered are due: one FIFO per distinct delay, so that nothing depends on how many wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// Things of one delay are due in the order in which they are added, so each list is sorted by itself: adding, removing
/// and finding the next are O(1) in what waits, and linear in the distinct delays, of which a run has a handful.
class DueLists {
 public:
  static constexpr uint32_t none = UINT32_MAX;

  /// Indices below `capacity` can be added; it grows with what is added beyond.
  explicit DueLists(size_t capacity) : entries_(capacity) {}

  /// `index`, which is not in a list, is due at from + delay. Calls must not go back in `from`.
  void add(uint32_t index, TimePoint from, Duration delay);
  /// Nothing happens to one that is in no list.
  void remove(uint32_t index) noexcept;

  /// TimePoint::max() when nothing waits.
  TimePoint next() const noexcept;
  /// One that is due at `time`, or none.
  uint32_t overdue(TimePoint time) const noexcept;
  /// Any that waits, or none.
  uint32_t any() const noexcept { return overdue(TimePoint::max()); }

 private:
  static constexpr uint16_t no_list = UINT16_MAX;
  struct Entry {
    TimePoint due{};
    uint32_t older = none;
    uint32_t younger = none;
    uint16_t list = no_list;
  };
  struct List {
    Duration delay;
    uint32_t oldest = none;
    uint32_t youngest = none;
  };
  uint16_t list_for(Duration delay);

  std::vector<Entry> entries_;
  std::vector<List> lists_;
};

}  // namespace connbench
