// The attempts that an event loop has in flight, with their deadlines.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// A table of fixed capacity. Deadlines are kept in one FIFO per distinct timeout: attempts are added in the order in
/// which they start, so each list is sorted by itself and adding, removing and finding the next are O(1) however many
/// wait. (A run has a handful of timeouts; a timer wheel would be slower and coarser.)
class Pending {
 public:
  struct Entry {
    UniqueFd fd{-1};
    uint16_t queue = 0;
    uint64_t id = 0;
    TimePoint started{};
    const Endpoint* to = nullptr;
    uint32_t older = 0;  // neighbours in the FIFO; `younger` links the free list while the entry is unused
    uint32_t younger = 0;
  };
  static constexpr uint32_t none = UINT32_MAX;

  explicit Pending(size_t capacity);

  bool full() const noexcept { return free_ == none; }
  size_t size() const noexcept { return size_; }

  /// Takes the socket; the index stays valid until remove(). Not to be called when full().
  uint32_t add(UniqueFd fd, const Attempt& attempt, TimePoint started);
  const Entry& operator[](uint32_t index) const noexcept { return entries_[index]; }
  /// Frees the entry and gives the socket back.
  UniqueFd remove(uint32_t index) noexcept;

  /// TimePoint::max() when nothing is pending.
  TimePoint next_deadline() const noexcept;
  /// An attempt whose deadline is at or before `time`, or none.
  uint32_t overdue(TimePoint time) const noexcept;
  /// Any pending attempt, or none.
  uint32_t any() const noexcept { return overdue(TimePoint::max()); }

 private:
  struct Queue {
    Duration timeout;
    uint32_t oldest = none;
    uint32_t youngest = none;
  };
  uint16_t queue_for(Duration timeout);

  std::vector<Entry> entries_;
  std::vector<Queue> queues_;
  uint32_t free_ = none;
  size_t size_ = 0;
};

}  // namespace connbench
