#include "harness/process/descriptor_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "harness/support/proc_file.h"

namespace connbench {

void grow_descriptor_table(size_t descriptors) noexcept {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const size_t highest = std::min<size_t>(descriptors, limit.rlim_cur) - 1;
  const int fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, static_cast<int>(highest));
  if (fd >= 0) ::close(fd);
}

void close_descriptors(unsigned first, unsigned last) {
  if (::close_range(first, last, 0) == 0) return;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  // The open ones by /proc, where there is one; a table may have a million places.
  std::vector<unsigned> open;
  if (DIR* const listed = ::opendir("/proc/self/fd"); listed != nullptr) {
    while (const dirent* entry = ::readdir(listed))
      if (const int64_t fd = leading_number(entry->d_name); fd >= 0) open.push_back(static_cast<unsigned>(fd));
    ::closedir(listed);
  } else {
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; ++fd) open.push_back(fd);
  }
  for (const unsigned fd : open)
    if (fd >= first && fd <= last) ::close(static_cast<int>(fd));
}

void close_inherited_descriptors() noexcept {
  DIR* entries = ::opendir("/proc/self/fd");  // closed on exec, too
  if (entries == nullptr) return;
  while (const dirent* entry = ::readdir(entries)) {
    const int fd = std::atoi(entry->d_name);  // 0 for "." and ".."
    if (fd > STDERR_FILENO && ::fcntl(fd, F_GETFD) == 0) ::close(fd);
  }
  ::closedir(entries);
}

}  // namespace connbench
