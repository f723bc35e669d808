// Values in memory that a process shares with the children that it forks.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <type_traits>

namespace connbench {

/// Make it before the fork: both processes then see what either writes. Values that one writes while the other reads
/// must be atomic.
template <class Value>
class SharedArray {
  static_assert(std::is_trivially_destructible_v<Value>);

 public:
  /// Value-initialised. Trivial values are left as the kernel's zero pages, which take no memory until they are
  /// touched.
  /// @throws std::system_error (mmap)
  explicit SharedArray(size_t count) : values_(map(count), count) {
    if constexpr (!std::is_trivially_default_constructible_v<Value>)
      std::uninitialized_value_construct_n(values_.data(), count);
  }
  ~SharedArray() { ::munmap(values_.data(), mapped_bytes()); }
  SharedArray(const SharedArray&) = delete;
  SharedArray& operator=(const SharedArray&) = delete;

  std::span<Value> values() const noexcept { return values_; }
  /// What is mapped; more than the values when there are none.
  size_t mapped_bytes() const noexcept { return bytes(values_.size()); }

 private:
  // mmap() refuses a length of 0.
  static size_t bytes(size_t count) noexcept { return std::max<size_t>(count, 1) * sizeof(Value); }

  static Value* map(size_t count) {
    if (count > SIZE_MAX / sizeof(Value)) throw std::system_error(ENOMEM, std::generic_category(), "mmap");
    void* memory = ::mmap(nullptr, bytes(count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    return static_cast<Value*>(memory);
  }

  std::span<Value> values_;
};

/// A single value in shared memory.
template <class Value>
class Shared {
 public:
  Value* operator->() const noexcept { return array_.values().data(); }
  Value& operator*() const noexcept { return array_.values().front(); }

 private:
  SharedArray<Value> array_{1};
};

}  // namespace connbench
