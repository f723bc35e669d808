#include "harness/support/patient_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace connbench {
namespace {

// Returns 0 for an error: that is what fopencookie() wants.
ssize_t write_all(void* fd_as_pointer, const char* text, size_t size) {
  const int fd = static_cast<int>(reinterpret_cast<intptr_t>(fd_as_pointer));
  for (size_t at = 0; at < size;) {
    const ssize_t written = ::write(fd, text + at, size - at);
    if (written >= 0) {
      at += static_cast<size_t>(written);
    } else if (errno == EAGAIN) {
      pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return 0;
    }
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

void make_patient(FILE*& stream, int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK) == 0) return;
  auto* const fd_as_pointer = reinterpret_cast<void*>(static_cast<intptr_t>(fd));
  FILE* const patient =
      ::fopencookie(fd_as_pointer, "w", {.read = nullptr, .write = write_all, .seek = nullptr, .close = nullptr});
  if (patient == nullptr) return;
  if (fd == STDERR_FILENO) std::setvbuf(patient, nullptr, _IONBF, 0);
  stream = patient;
}

}  // namespace connbench
