#include "harness/record/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "harness/record/zstd_frame.h"

namespace connbench {

std::string csv_field(std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(field);
  std::string quoted = "\"";
  for (char c : field) quoted.append(c == '"' ? 2 : 1, c);
  return quoted.append("\"");
}

CsvFile::CsvFile(FilePlace place, std::string_view header, Compression compression)
    : place_(std::move(place)),
      compression_(compression),
      fd_(::openat(place_.folder, place_.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644)) {
  if (!fd_) throw std::system_error(errno, std::generic_category(), place_.path.string());
  written_ = identity_of(fd_.get(), place_.path);
  append(std::string(header).append(csv_row_end));
}

void CsvFile::append(std::string_view rows) {
  require_unchanged(place_, written_);
  if (rows.empty()) return;
  const std::string frame = compression_ == Compression::zstd ? zstd_frame(rows) : "";
  const std::string_view stored = compression_ == Compression::zstd ? frame : rows;
  try {
    write_all(fd_.get(), stored, place_.path);
    written_.size += static_cast<off_t>(stored.size());
  } catch (const std::system_error&) {
    // Shrinking needs no space, so it works on a full disk. If it fails, the first error is still the one to report.
    [[maybe_unused]] const int ignored = ::ftruncate(fd_.get(), written_.size);
    throw;
  }
}

void CsvFile::finish() {
  require_unchanged(place_, written_);
  flush_to_disk(fd_.get(), place_.path);
  if (::close(fd_.release()) != 0) throw std::system_error(errno, std::generic_category(), place_.path.string());
}

}  // namespace connbench
