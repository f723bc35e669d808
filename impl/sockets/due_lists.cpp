#include "impl/sockets/due_lists.h"

#include <algorithm>

namespace connbench {

uint16_t DueLists::list_for(Duration delay) {
  const auto found = std::ranges::find(lists_, delay, &List::delay);
  const auto index = static_cast<uint16_t>(found - lists_.begin());
  if (found == lists_.end()) lists_.push_back({.delay = delay});
  return index;
}

void DueLists::add(uint32_t index, TimePoint from, Duration delay) {
  if (index >= entries_.size()) entries_.resize(std::max<size_t>(index + 1, 2 * entries_.size()));
  Entry& entry = entries_[index];
  entry.due = from + delay;
  entry.list = list_for(delay);
  List& list = lists_[entry.list];
  entry.older = list.youngest;
  entry.younger = none;
  (entry.older == none ? list.oldest : entries_[entry.older].younger) = index;
  list.youngest = index;
}

void DueLists::remove(uint32_t index) noexcept {
  if (index >= entries_.size() || entries_[index].list == no_list) return;
  Entry& entry = entries_[index];
  List& list = lists_[entry.list];
  (entry.older == none ? list.oldest : entries_[entry.older].younger) = entry.younger;
  (entry.younger == none ? list.youngest : entries_[entry.younger].older) = entry.older;
  entry.list = no_list;
}

TimePoint DueLists::next() const noexcept {
  TimePoint next = TimePoint::max();
  for (const List& list : lists_)
    if (list.oldest != none) next = std::min(next, entries_[list.oldest].due);
  return next;
}

uint32_t DueLists::overdue(TimePoint time) const noexcept {
  for (const List& list : lists_)
    if (list.oldest != none && entries_[list.oldest].due <= time) return list.oldest;
  return none;
}

}  // namespace connbench
