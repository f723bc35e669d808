// One value in memory that a process shares with the children that it forks.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <system_error>
#include <type_traits>

namespace connbench {

/// Made before the fork; both sides see what either writes. Whoever reads while the other writes wants atomics in it.
template <class Value>
class Shared {
  static_assert(std::is_trivially_destructible_v<Value>);

 public:
  /// @throws std::system_error (mmap)
  Shared() {
    void* memory = ::mmap(nullptr, sizeof(Value), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    value_ = new (memory) Value{};
  }
  ~Shared() { ::munmap(value_, sizeof(Value)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  Value* operator->() const noexcept { return value_; }
  Value& operator*() const noexcept { return *value_; }

 private:
  Value* value_;
};

}  // namespace connbench
