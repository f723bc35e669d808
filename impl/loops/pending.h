// The attempts that an event loop has in flight, with their deadlines.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/connector/connector.h"
#include "harness/support/unique_fd.h"
#include "impl/sockets/due_table.h"

namespace connbench {

/// A table of fixed capacity. Adding, removing and finding the next deadline are O(1), however many attempts wait.
class Pending {
 public:
  struct Entry {
    UniqueFd fd{-1};
    DueLink link;  // while the entry is unused, `younger` links the free list
    uint64_t id = 0;
    TimePoint started{};
    const Endpoint* to = nullptr;
  };
  static constexpr uint32_t none = DueLink::none;

  explicit Pending(size_t capacity);

  bool full() const noexcept { return free_ == none; }
  size_t size() const noexcept { return size_; }

  /// Takes over the socket. The returned index stays valid until remove(). Must not be called when full().
  uint32_t add(UniqueFd fd, const Attempt& attempt, TimePoint started);
  const Entry& operator[](uint32_t index) const noexcept { return table_[index]; }
  /// Frees the entry and returns its socket.
  UniqueFd remove(uint32_t index) noexcept;

  /// TimePoint::max() when nothing is pending.
  TimePoint next_deadline() const noexcept { return table_.next(); }
  /// An attempt whose deadline is at or before `time`, or none.
  uint32_t overdue(TimePoint time) const noexcept { return table_.overdue(time); }
  /// Any pending attempt, or none.
  uint32_t any() const noexcept { return table_.any(); }

 private:
  DueTable<Entry> table_;
  uint32_t free_ = none;
  size_t size_ = 0;
};

}  // namespace connbench
