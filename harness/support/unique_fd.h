// A file descriptor that is closed exactly once.
#pragma once

#include <errno.h>
#include <unistd.h>

#include <system_error>
#include <utility>

namespace connbench {

/// Owns one descriptor, or none (-1: a call that failed, or moved from).
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

  /// Closes what is held and takes `fd`. close() is never repeated on EINTR: Linux has released the number by then.
  void reset(int fd) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
  }

 private:
  int fd_;
};

/// For set-up code: the result of a system call, or std::system_error that names the call.
inline int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

}  // namespace connbench
