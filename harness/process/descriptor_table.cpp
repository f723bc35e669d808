#include "harness/process/descriptor_table.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace connbench {

void grow_descriptor_table(size_t descriptors) noexcept {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const size_t highest = std::min<size_t>(descriptors, limit.rlim_cur) - 1;
  const int fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, static_cast<int>(highest));
  if (fd >= 0) ::close(fd);
}

}  // namespace connbench
