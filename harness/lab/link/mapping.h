// Memory from mmap().
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

namespace connbench::lab {

/// Owns one mapping.
class Mapping {
 public:
  /// Private zeroed memory that takes no RAM until it is touched. @throws std::system_error
  explicit Mapping(size_t size) : Mapping(size, -1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE) {}
  /// Maps `fd` from its beginning, shared with every other mapping of it. @throws std::system_error
  Mapping(size_t size, int fd) : Mapping(size, fd, MAP_SHARED) {}

  Mapping(Mapping&& other) noexcept : at_(std::exchange(other.at_, MAP_FAILED)), size_(other.size_) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (at_ != MAP_FAILED) ::munmap(at_, size_);
  }

  uint8_t* bytes() const noexcept { return static_cast<uint8_t*>(at_); }
  size_t size() const noexcept { return size_; }
  /// Private memory only: zeroes it and returns it to the system.
  void clear() noexcept { ::madvise(at_, size_, MADV_DONTNEED); }

 private:
  Mapping(size_t size, int fd, int flags)
      : at_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0)), size_(size) {
    if (at_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  }

  void* at_;
  size_t size_;
};

}  // namespace connbench::lab
