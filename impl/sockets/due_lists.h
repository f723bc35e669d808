// When numbered things are due.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "harness/support/clock.h"
#include "impl/sockets/due_table.h"

namespace connbench {

/// A DueTable for things that live elsewhere and are known here by their index alone.
class DueLists {
 public:
  static constexpr uint32_t none = DueLink::none;

  /// Makes room for indices below `capacity`; larger ones make it grow.
  explicit DueLists(size_t capacity) : table_(capacity) {}

  /// `index` is due at from + delay. It must not be in a list yet, and `from` must not go back between calls.
  void add(uint32_t index, TimePoint from, Duration delay) {
    if (index >= table_.size()) table_.resize(std::max<size_t>(index + size_t{1}, 2 * table_.size()));
    table_[index].started = from;
    table_.add(index, delay);
  }

  /// Does nothing when `index` is in no list.
  void remove(uint32_t index) noexcept {
    if (index < table_.size() && table_.is_waiting(index)) table_.remove(index);
  }

  /// TimePoint::max() when nothing waits.
  TimePoint next() const noexcept { return table_.next(); }
  /// An index that is due at `time`, or none.
  uint32_t overdue(TimePoint time) const noexcept { return table_.overdue(time); }
  /// Any index that waits, or none.
  uint32_t any() const noexcept { return table_.any(); }

 private:
  struct Entry {
    TimePoint started{};
    DueLink link;
  };
  DueTable<Entry> table_;
};

}  // namespace connbench
