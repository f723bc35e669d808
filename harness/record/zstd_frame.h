// Compression of records by Zstandard.
#pragma once

#include <string>
#include <string_view>

namespace connbench {

/// `data` as one frame (RFC 8878) with a checksum, at the library's usual level. Frames that follow each other unpack
/// to their data one after the other. @throws std::runtime_error when the library refuses, std::bad_alloc
std::string zstd_frame(std::string_view data);

}  // namespace connbench
