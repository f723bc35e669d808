#include "impl/loops/pending.h"

#include <algorithm>

namespace connbench {

Pending::Pending(size_t capacity) : entries_(capacity) {
  for (size_t i = capacity; i-- > 0;) {
    entries_[i].younger = free_;
    free_ = static_cast<uint32_t>(i);
  }
}

uint16_t Pending::queue_for(Duration timeout) {
  const auto found = std::ranges::find(queues_, timeout, &Queue::timeout);
  const auto index = static_cast<uint16_t>(found - queues_.begin());
  if (found == queues_.end()) queues_.push_back({.timeout = timeout});
  return index;
}

uint32_t Pending::add(UniqueFd fd, const Attempt& attempt, TimePoint started) {
  const uint32_t index = free_;
  Entry& entry = entries_[index];
  free_ = entry.younger;
  entry.fd = std::move(fd);
  entry.id = attempt.id;
  entry.started = started;
  entry.to = &attempt.endpoints.front();
  entry.queue = queue_for(attempt.timeout);
  entry.younger = none;

  Queue& queue = queues_[entry.queue];
  entry.older = queue.youngest;
  (entry.older == none ? queue.oldest : entries_[entry.older].younger) = index;
  queue.youngest = index;
  ++size_;
  return index;
}

UniqueFd Pending::remove(uint32_t index) noexcept {
  Entry& entry = entries_[index];
  Queue& queue = queues_[entry.queue];
  (entry.older == none ? queue.oldest : entries_[entry.older].younger) = entry.younger;
  (entry.younger == none ? queue.youngest : entries_[entry.younger].older) = entry.older;
  entry.younger = free_;
  free_ = index;
  --size_;
  return std::move(entry.fd);
}

TimePoint Pending::next_deadline() const noexcept {
  TimePoint next = TimePoint::max();
  for (const Queue& queue : queues_)
    if (queue.oldest != none) next = std::min(next, entries_[queue.oldest].started + queue.timeout);
  return next;
}

uint32_t Pending::overdue(TimePoint time) const noexcept {
  for (const Queue& queue : queues_)
    if (queue.oldest != none && entries_[queue.oldest].started + queue.timeout <= time) return queue.oldest;
  return none;
}

}  // namespace connbench
