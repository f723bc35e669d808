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

void populate_pages(void* memory, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  if (::madvise(memory, bytes, MADV_POPULATE_WRITE) == 0) return;
#endif
  touch(memory, bytes);
}

}  // namespace

void SampleBuffer::populate() noexcept {
  populate_pages(samples_.values().data(), samples_.mapped_bytes());
}

void SampleBuffer::populate(size_t first, size_t count) noexcept {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  auto* const memory = reinterpret_cast<std::byte*>(samples_.values().data());
  const size_t begin = first * sizeof(Sample) / page * page;
  populate_pages(memory + begin, (first + count) * sizeof(Sample) - begin);
}

}  // namespace connbench
