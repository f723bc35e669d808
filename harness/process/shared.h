// Values in memory that a process shares with the children that it forks.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <span>
#include <system_error>
#include <type_traits>

namespace connbench {

/// Made before the fork; both sides see what either writes. Whoever reads while the other writes wants atomics in it.
template <class Value>
class SharedArray {
  static_assert(std::is_trivially_destructible_v<Value>);

 public:
  /// @param count at least one @throws std::system_error (mmap)
  explicit SharedArray(size_t count) {
    void* memory = ::mmap(nullptr, count * sizeof(Value), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    values_ = {static_cast<Value*>(memory), count};
    std::uninitialized_value_construct_n(values_.data(), count);
  }
  ~SharedArray() { ::munmap(values_.data(), values_.size_bytes()); }
  SharedArray(const SharedArray&) = delete;
  SharedArray& operator=(const SharedArray&) = delete;
  std::span<Value> values() const noexcept { return values_; }

 private:
  std::span<Value> values_;
};

/// One of them.
template <class Value>
class Shared {
 public:
  Value* operator->() const noexcept { return array_.values().data(); }
  Value& operator*() const noexcept { return array_.values().front(); }

 private:
  SharedArray<Value> array_{1};
};

}  // namespace connbench
