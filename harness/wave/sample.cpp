#include "harness/wave/sample.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <system_error>

namespace connbench {
namespace {

// mmap() refuses a length of 0.
size_t bytes_of(size_t attempts) {
  return std::max(attempts, size_t{1}) * sizeof(Sample);
}

Sample* map_shared(size_t attempts) {
  if (attempts > std::numeric_limits<size_t>::max() / sizeof(Sample)) {
    throw std::system_error(ENOMEM, std::generic_category(), "mmap");
  }
  void* memory = ::mmap(nullptr, bytes_of(attempts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  return static_cast<Sample*>(memory);
}

// For kernels before 5.14. Writes back what it read, so that the page is mapped writable and keeps its content.
void touch(void* memory, size_t bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  auto* first = static_cast<volatile std::byte*>(memory);
  for (size_t offset = 0; offset < bytes; offset += page) {
    const std::byte kept = first[offset];
    first[offset] = kept;
  }
}

}  // namespace

SampleBuffer::SampleBuffer(size_t attempts) : attempts_(attempts), samples_(map_shared(attempts)) {}

SampleBuffer::~SampleBuffer() {
  ::munmap(samples_, bytes_of(attempts_));
}

void SampleBuffer::populate() noexcept {
  const size_t bytes = bytes_of(attempts_);
#ifdef MADV_POPULATE_WRITE
  if (::madvise(samples_, bytes, MADV_POPULATE_WRITE) == 0) return;
#endif
  touch(samples_, bytes);
}

}  // namespace connbench
