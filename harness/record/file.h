// Writes files so that neither a kill nor a full disk leaves a partial one, and nobody else's file is overwritten.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace connbench {

/// Where a file is: a path, or a name in a folder that is held open. Such a file stays in that folder even if the
/// folder is moved, or another one takes its name.
struct FilePlace {
  FilePlace(std::filesystem::path file) : path(std::move(file)), name(path) {}
  FilePlace(int folder_fd, std::filesystem::path file)
      : path(std::move(file)), name(path.filename()), folder(folder_fd) {}

  std::filesystem::path path;  ///< for messages
  std::string name;            ///< as openat() takes it, in `folder`
  int folder = AT_FDCWD;
};

/// What a file is, whatever its name, and how long it is.
struct FileIdentity {
  dev_t device;
  ino_t inode;
  off_t size;
  bool operator==(const FileIdentity&) const = default;
};

/// @throws std::system_error that names the file
FileIdentity identity_of(int fd, const std::filesystem::path& path);

/// Throws std::runtime_error that names the file unless it is still in its place, with the content that was written:
/// records that somebody has removed, replaced, extended or cut off are not those of the run.
void require_unchanged(const FilePlace& place, const FileIdentity& written);

/// Writes all of `data`, with as many calls as it takes. @param path for the error message only
/// @throws std::system_error that names the file; part of `data` may have been written
void write_all(int fd, std::string_view data, const std::filesystem::path& path);

/// Waits until the disk has the file. Errors that only a later write-back would meet are reported here: a quota, a full
/// disk of a network file system. @throws std::system_error that names the file
void flush_to_disk(int fd, const std::filesystem::path& path);

/// Under which name, beside its own, write_atomically() writes a file.
std::string temporary_name(const std::string& name);

/// When write_atomically() returns.
enum class Durable : uint8_t {
  no,  ///< at once: a power failure may undo the last changes. An fsync would disturb the next wave
  yes  ///< when the disk has the content
};

/// Creates or replaces a file: a reader sees the old content or the new one, never a mixture. A symbolic link of that
/// name is replaced, and what it points to is left alone.
/// @throws std::system_error that names the file; the old content is then intact
FileIdentity write_atomically(const FilePlace& place, std::string_view content, Durable durable = Durable::no);

}  // namespace connbench
