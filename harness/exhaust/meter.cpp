#include "harness/exhaust/meter.h"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "harness/machine/usage.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

UniqueFd open_to_read(const std::string& path) {
  return UniqueFd(checked(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path.c_str()));
}

std::string_view read_again(const UniqueFd& file, std::span<char> buffer) noexcept {
  const ssize_t length = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  return length > 0 ? std::string_view(buffer.data(), static_cast<size_t>(length)) : std::string_view();
}

int64_t page_kib() noexcept {
  return ::sysconf(_SC_PAGESIZE) / 1024;
}

}  // namespace

Meter::Meter() : Meter(::getpid(), "/proc/self") {}

Meter::Meter(pid_t process) : Meter(process, "/proc/" + std::to_string(process)) {}

Meter::Meter(pid_t process, const std::string& folder)
    : process_(process),
      stat_(open_to_read(folder + "/stat")),
      statm_(open_to_read(folder + "/statm")),
      meminfo_(open_to_read("/proc/meminfo")) {}

Holding Meter::read() const noexcept {
  Holding holding;
  std::array<char, 8192> buffer;
  const std::string_view stat = read_again(stat_, buffer);
  const size_t name_end = stat.rfind(')');
  if (name_end != std::string_view::npos)  // field 20 of proc(5); word 0 is field 3
    holding.threads = leading_number(word(stat.substr(name_end + 1), 17));
  holding.fds = read_footprint(process_).fds;
  const int64_t resident = leading_number(word(read_again(statm_, buffer), 1));
  if (resident >= 0) holding.rss_kib = resident * page_kib();
  const std::string_view memory = read_again(meminfo_, buffer);
  int64_t kernel = 0;
  for (const char* part : {"Slab:", "KernelStack:", "PageTables:"}) {
    const int64_t kib = number_after(memory, part);
    if (kib < 0) return holding;
    kernel += kib;
  }
  holding.kernel_kib = kernel;
  return holding;
}

uint64_t address_space() {
  const int64_t pages = leading_number(word(read_text("/proc/self/statm").value_or(""), 0));
  return static_cast<uint64_t>(std::max<int64_t>(0, pages)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace connbench
