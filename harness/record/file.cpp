#include "harness/record/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <system_error>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

[[noreturn]] void fail(int error, const std::filesystem::path& path) {
  throw std::system_error(error, std::generic_category(), path.string());
}

}  // namespace

void write_all(int fd, std::string_view data, const std::filesystem::path& path) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written > 0) data.remove_prefix(static_cast<size_t>(written));
    if (written == 0) fail(EIO, path);
    if (written < 0 && errno != EINTR) fail(errno, path);
  }
}

void write_atomically(const std::filesystem::path& path, std::string_view content) {
  auto temporary = path;
  temporary += ".tmp";
  try {
    // A file of that name is what a killed writer left behind.
    UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) fail(errno, path);
    write_all(fd.get(), content, path);
    if (::close(fd.release()) != 0) fail(errno, path);  // NFS reports a full disk here
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(errno, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

}  // namespace connbench
