#include "harness/wave/sample.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>

namespace connbench {
namespace {

// For kernels before 5.14. Writing back what was read maps the page writable and keeps its content.
void touch(void* memory, size_t bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  auto* first = static_cast<volatile std::byte*>(memory);
  for (size_t offset = 0; offset < bytes; offset += page) {
    const std::byte kept = first[offset];
    first[offset] = kept;
  }
}

}  // namespace

void SampleBuffer::populate() noexcept {
  void* memory = samples_.values().data();
  const size_t bytes = samples_.mapped_bytes();
#ifdef MADV_POPULATE_WRITE
  if (::madvise(memory, bytes, MADV_POPULATE_WRITE) == 0) return;
#endif
  touch(memory, bytes);
}

}  // namespace connbench
