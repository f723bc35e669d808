// Owns a file descriptor and closes it exactly once.
#pragma once

#include <errno.h>
#include <unistd.h>

#include <system_error>
#include <utility>

namespace connbench {

/// Owns one descriptor, or none: -1, when the call failed or the object was moved from.
class UniqueFd {
 public:
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(-1); }

  explicit operator bool() const noexcept { return fd_ >= 0; }
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

  /// Closes the descriptor held and takes `fd`. Never repeats close() on EINTR: Linux has released the number by then.
  void reset(int fd) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
  }

 private:
  int fd_;
};

/// For set-up code: returns the result of a system call. @throws std::system_error, which names the call
inline int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

}  // namespace connbench
