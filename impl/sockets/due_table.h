// A table of numbered entries that fall due: the next one is found in O(1), however many wait.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// The neighbours of a table entry in the list of its delay.
struct DueLink {
  static constexpr uint32_t none = UINT32_MAX;
  static constexpr uint16_t no_list = UINT16_MAX;
  uint32_t older = none;
  uint32_t younger = none;
  uint16_t list = no_list;
};

/// Entries are linked into one FIFO per distinct delay. Entries of the same delay fall due in the order in which they
/// are added, so every list stays sorted without any work. Adding, removing and finding the next entry take time
/// proportional to the number of distinct delays, of which a run has a handful. A timer wheel would be slower and
/// coarser.
///
/// `Entry` has a `TimePoint started`, from which its delay counts, and a `DueLink link`, which this class maintains.
/// The links live in the caller's entries so that a waiting entry needs no memory elsewhere.
template <class Entry>
class DueTable {
 public:
  static constexpr uint32_t none = DueLink::none;

  explicit DueTable(size_t size) : entries_(size) {}

  size_t size() const noexcept { return entries_.size(); }
  void resize(size_t size) { entries_.resize(size); }
  Entry& operator[](uint32_t index) noexcept { return entries_[index]; }
  const Entry& operator[](uint32_t index) const noexcept { return entries_[index]; }

  bool is_waiting(uint32_t index) const noexcept { return entries_[index].link.list != DueLink::no_list; }

  /// The entry falls due at started + delay. It must not be waiting, and `started` must not be earlier than that of the
  /// entry added before.
  void add(uint32_t index, Duration delay) {
    DueLink& link = entries_[index].link;
    link.list = list_for(delay);
    List& list = lists_[link.list];
    link.older = list.youngest;
    link.younger = none;
    (link.older == none ? list.oldest : entries_[link.older].link.younger) = index;
    list.youngest = index;
  }

  /// The entry must be waiting.
  void remove(uint32_t index) noexcept {
    DueLink& link = entries_[index].link;
    List& list = lists_[link.list];
    (link.older == none ? list.oldest : entries_[link.older].link.younger) = link.younger;
    (link.younger == none ? list.youngest : entries_[link.younger].link.older) = link.older;
    link.list = DueLink::no_list;
  }

  /// When the next entry falls due; TimePoint::max() when nothing waits.
  TimePoint next() const noexcept {
    TimePoint next = TimePoint::max();
    for (const List& list : lists_)
      if (list.oldest != none) next = std::min(next, due(list));
    return next;
  }

  /// The index of an entry that is due at `time`, or none.
  uint32_t overdue(TimePoint time) const noexcept {
    for (const List& list : lists_)
      if (list.oldest != none && due(list) <= time) return list.oldest;
    return none;
  }

  /// The index of any waiting entry, or none.
  uint32_t any() const noexcept { return overdue(TimePoint::max()); }

 private:
  struct List {
    Duration delay;
    uint32_t oldest = none;
    uint32_t youngest = none;
  };

  TimePoint due(const List& list) const noexcept { return entries_[list.oldest].started + list.delay; }

  uint16_t list_for(Duration delay) {
    const auto found = std::ranges::find(lists_, delay, &List::delay);
    const auto index = static_cast<uint16_t>(found - lists_.begin());
    if (found == lists_.end()) lists_.push_back({.delay = delay});
    return index;
  }

  std::vector<Entry> entries_;
  std::vector<List> lists_;
};

}  // namespace connbench
