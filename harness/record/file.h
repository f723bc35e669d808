// Writes files so that neither a kill nor a full disk leaves a partial one.
#pragma once

#include <filesystem>
#include <string_view>

namespace connbench {

/// Writes all of `data`, with as many calls as it takes. @param path for the error message only
/// @throws std::system_error that names the file; part of `data` may have been written
void write_all(int fd, std::string_view data, const std::filesystem::path& path);

/// Creates or replaces `path`: a reader sees the old content or the new one, never a mixture. This does not cover power
/// failures: an fsync would disturb the next wave.
/// @throws std::system_error that names the file; the old content is then intact
void write_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace connbench
