#include "harness/record/file.h"

#include <errno.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <system_error>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

[[noreturn]] void fail(int error, const std::filesystem::path& path) {
  throw std::system_error(error, std::generic_category(), path.string());
}

FileIdentity identity(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_size};
}

}  // namespace

FileIdentity identity_of(int fd, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail(errno, path);
  return identity(status);
}

void require_unchanged(const FilePlace& place, const FileIdentity& written) {
  struct stat status {};
  if (::fstatat(place.folder, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    throw std::runtime_error(
        fmt::format("{} disappeared while the run was writing it: its records are not complete", place.path.string()));
  if (identity(status) != written)
    throw std::runtime_error(fmt::format(
        "{} was replaced or changed by another program while the run was writing it: its records are not complete",
        place.path.string()));
}

void write_all(int fd, std::string_view data, const std::filesystem::path& path) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written > 0) data.remove_prefix(static_cast<size_t>(written));
    if (written == 0) fail(EIO, path);
    if (written < 0 && errno != EINTR) fail(errno, path);
  }
}

void flush_to_disk(int fd, const std::filesystem::path& path) {
  while (::fsync(fd) != 0) {
    if (errno == EINVAL || errno == ENOTSUP) return;  // a file system that has nothing to wait for
    if (errno != EINTR) fail(errno, path);
  }
}

std::string temporary_name(const std::string& name) {
  return name + ".tmp";
}

FileIdentity write_atomically(const FilePlace& place, std::string_view content, Durable durable) {
  const std::string temporary = temporary_name(place.name);
  ::unlinkat(place.folder, temporary.c_str(), 0);  // what a killed writer left behind, or somebody's link
  try {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd fd(::openat(place.folder, temporary.c_str(), flags, 0644));
    if (!fd) fail(errno, place.path);
    write_all(fd.get(), content, place.path);
    if (durable == Durable::yes) flush_to_disk(fd.get(), place.path);
    const FileIdentity written = identity_of(fd.get(), place.path);
    if (::close(fd.release()) != 0) fail(errno, place.path);  // NFS reports a full disk here
    if (::renameat(place.folder, temporary.c_str(), place.folder, place.name.c_str()) != 0) fail(errno, place.path);
    return written;
  } catch (...) {
    ::unlinkat(place.folder, temporary.c_str(), 0);
    throw;
  }
}

}  // namespace connbench
