#include "impl/loops/pending.h"

#include <utility>

namespace connbench {

Pending::Pending(size_t capacity) : table_(capacity) {
  for (size_t i = capacity; i-- > 0;) {
    const auto index = static_cast<uint32_t>(i);
    table_[index].link.younger = free_;
    free_ = index;
  }
}

uint32_t Pending::add(UniqueFd fd, const Attempt& attempt, TimePoint started) {
  const uint32_t index = free_;
  Entry& entry = table_[index];
  free_ = entry.link.younger;
  entry.fd = std::move(fd);
  entry.id = attempt.id;
  entry.started = started;
  entry.to = &attempt.endpoints.front();
  table_.add(index, attempt.timeout);
  ++size_;
  return index;
}

UniqueFd Pending::remove(uint32_t index) noexcept {
  table_.remove(index);
  Entry& entry = table_[index];
  entry.link.younger = free_;
  free_ = index;
  --size_;
  return std::move(entry.fd);
}

}  // namespace connbench
