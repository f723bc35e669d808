// CSV by RFC 4180: rows end in CRLF, and fields are quoted only where they must be.
#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "harness/record/file.h"
#include "harness/support/unique_fd.h"

namespace connbench {

inline constexpr std::string_view csv_row_end = "\r\n";

/// `field` as it is written between two commas.
std::string csv_field(std::string_view field);

/// One row, built field by field.
class CsvRow {
 public:
  CsvRow& text(std::string_view field) { return add(csv_field(field)); }
  CsvRow& number(std::integral auto value) { return add(fmt::format_int(value).str()); }
  /// Empty for a negative value, which means that it could not be read.
  CsvRow& known(int64_t value) { return value < 0 ? add("") : number(value); }
  CsvRow& number(double value) { return add(fmt::format("{:.9g}", value)); }
  /// A missing value is an empty field.
  template <typename Number>
  CsvRow& number(const std::optional<Number>& value) {
    return value ? number(*value) : add("");
  }
  /// The fields so far, with a trailing comma: the start of a longer row.
  const std::string& beginning() const noexcept { return text_; }
  /// The row, with its CRLF.
  std::string finish() const { return text_.substr(0, text_.size() - 1).append(csv_row_end); }

 private:
  CsvRow& add(std::string_view field) {
    text_.append(field).push_back(',');
    return *this;
  }
  std::string text_;
};

/// How the rows of a file are stored.
enum class Compression : uint8_t {
  none,
  zstd  ///< what one append() adds is a frame of its own, so that a reader can unpack everything before a cut
};

/// A CSV file that grows by whole rows. Nothing is buffered between calls: when append() returns, the kernel has the
/// rows and a SIGKILL loses none of them. A kill *during* append() may cut the last row; a row without its CRLF is
/// void.
class CsvFile {
 public:
  /// Creates the file and writes `header` ("a,b,c") as its first row.
  /// @throws std::system_error that names the file, also when something of that name exists
  CsvFile(FilePlace place, std::string_view header, Compression compression = Compression::none);

  /// Appends whole rows, each with its CRLF: all of them or none.
  /// @throws std::system_error that names the file when they cannot be written; the file then ends with the last row of
  /// the previous call. std::runtime_error when another program has removed or changed the file
  void append(std::string_view rows);

  /// The end of the file: it is in its place, and the disk has it. @throws as append()
  void finish();

 private:
  FilePlace place_;
  Compression compression_;
  UniqueFd fd_;
  FileIdentity written_;  // up to the last whole row
};

}  // namespace connbench
