// Writing files so that neither a kill nor a full disk leaves half of something.
#pragma once

#include <filesystem>
#include <string_view>

namespace connbench {

/// Writes all of `data`, however many calls it takes. `path` is for the message only.
/// @throws std::system_error that names the file; part of `data` may have been written
void write_all(int fd, std::string_view data, const std::filesystem::path& path);

/// Replaces or makes `path`: a reader sees the old content or the new one, never a mixture. Not for power failures:
/// there is no fsync, which would disturb the next wave.
/// @throws std::system_error that names the file; the old content is then still there
void write_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace connbench
