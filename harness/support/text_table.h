// Tables and paragraphs for people, fitted to the width of a terminal. Records never pass through here.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace connbench {

using Cells = std::vector<std::string>;

enum class Align : uint8_t { left, right };

struct TextColumn {
  /// A line feed marks where the heading may break when the table is too wide otherwise.
  std::string heading;
  Align align = Align::left;
  /// 0: always shown. When the table is too wide, the columns with the highest rank are left out first.
  unsigned rank = 0;
  /// Text may be wrapped down to this width; 0 = it is never wrapped.
  size_t least = 0;
  /// What the heading means, for the legend: "late: time after the deadline"; "" = the heading says it all.
  std::string meaning{};
  Cells cells{};  ///< one per row
};

struct TextTable {
  std::vector<TextColumn> columns;
  std::map<size_t, std::string> titles{};  ///< by row: a line of its own above it
  std::map<size_t, Cells> notes{};         ///< by row: lines of their own below it

  size_t rows() const { return columns.empty() ? 0 : columns.front().cells.size(); }
  /// One cell per column.
  void add_row(Cells cells);
};

/// Writes tables for one width. Remembers which columns it left out, and which need an explanation.
class TableWriter {
 public:
  /// In columns of the terminal; SIZE_MAX = no limit.
  explicit TableWriter(size_t width) : width_(width) {}

  size_t width() const noexcept { return width_; }
  /// Each line ends with a line feed. No line is longer than the width, unless the columns of rank 0 need more.
  std::string table(const TextTable& table);
  /// One paragraph. Every line after the first is indented by `hanging`.
  std::string paragraph(std::string_view text, size_t hanging = 2) const;
  /// The legend of the columns shown so far and the headings of those left out, which `file` has. May be "".
  std::string closing(std::string_view file) const;

 private:
  size_t width_;
  Cells meanings_;
  Cells left_out_;
};

/// Columns of a terminal that UTF-8 text takes: its code points (no wide or combining characters occur here).
size_t display_width(std::string_view text) noexcept;

/// "12803521" → "12,803,521". Only the digits before a decimal point are grouped; for the screen only.
std::string grouped(std::string_view number);
std::string grouped(size_t number);

/// At most `width` columns: what is too long loses its middle, "epoll on blac…, timeout 1s".
std::string shortened(std::string_view text, size_t width);

}  // namespace connbench
