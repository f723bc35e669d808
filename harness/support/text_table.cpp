#include "harness/support/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <stdexcept>

#include "harness/support/joined.h"
#include "harness/support/wrapped.h"

namespace connbench {
namespace {

constexpr size_t indent = 2;
constexpr size_t gap = 2;
constexpr size_t note_indent = 4;

bool starts_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

std::string blanks(size_t count) {
  return std::string(count, ' ');
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

// In one line; "CPU us\n/attempt" needs no blank where it is joined.
std::string joined(const std::string& heading) {
  const size_t at = heading.find('\n');
  if (at == std::string::npos) return heading;
  const std::string_view second = std::string_view(heading).substr(at + 1);
  return fmt::format("{}{}{}", heading.substr(0, at), second.starts_with('/') ? "" : " ", second);
}

Cells lines_of(const std::string& heading, bool broken) {
  const size_t at = heading.find('\n');
  if (!broken || at == std::string::npos) return {joined(heading)};
  return {heading.substr(0, at), heading.substr(at + 1)};
}

// Which columns a table shows at one width, and how wide each is.
class Layout {
 public:
  Layout(const TextTable& table, size_t width) : table_(table), shown_(table.columns.size()) {
    std::iota(shown_.begin(), shown_.end(), size_t{0});
    natural_ = natural_widths();
    if (total(natural_) > width) {
      broken_ = true;
      natural_ = natural_widths();
      leave_out(width);
    }
    widths_ = natural_;
    wrap(width);
  }

  const std::vector<size_t>& shown() const { return shown_; }

  std::string heading() const {
    size_t height = 0;
    std::vector<Cells> cells;
    for (const size_t i : shown_) {
      cells.push_back(lines_of(table_.columns[i].heading, broken_));
      height = std::max(height, cells.back().size());
    }
    for (Cells& lines : cells) lines.insert(lines.begin(), height - lines.size(), "");
    const std::string text = block(cells, height);
    return text.find_first_not_of(" \n") == std::string::npos ? "" : text;
  }

  std::string row(size_t number) const {
    size_t height = 1;
    std::vector<Cells> cells;
    for (const size_t i : shown_) {
      cells.push_back(wrapped(table_.columns[i].cells[number], std::max<size_t>(widths_[i], 1)));
      height = std::max(height, cells.back().size());
    }
    for (Cells& lines : cells) lines.resize(height);
    return block(cells, height);
  }

 private:
  std::vector<size_t> natural_widths() const {
    std::vector<size_t> widths;
    for (const TextColumn& column : table_.columns) {
      size_t widest = 0;
      for (const std::string& line : lines_of(column.heading, broken_)) widest = std::max(widest, display_width(line));
      for (const std::string& cell : column.cells) widest = std::max(widest, display_width(cell));
      widths.push_back(widest);
    }
    return widths;
  }

  size_t least(size_t i) const {
    size_t narrowest = table_.columns[i].least;
    if (narrowest == 0) return natural_[i];
    for (const std::string& line : lines_of(table_.columns[i].heading, broken_))
      narrowest = std::max(narrowest, display_width(line));
    return std::min(natural_[i], narrowest);
  }

  size_t total(const std::vector<size_t>& widths) const {
    size_t sum = indent;
    for (const size_t i : shown_) sum += widths[i] + gap;
    return sum - gap;
  }

  // Of equal ranks the rightmost column goes first.
  void leave_out(size_t width) {
    std::vector<size_t> at_least;
    for (size_t i = 0; i < natural_.size(); ++i) at_least.push_back(least(i));
    while (total(at_least) > width) {
      const auto worst =
          std::ranges::max_element(shown_, std::ranges::less_equal{}, [&](size_t i) { return table_.columns[i].rank; });
      if (table_.columns[*worst].rank == 0) return;
      shown_.erase(worst);
    }
  }

  // The widest text gives way first.
  void wrap(size_t width) {
    while (total(widths_) > width) {
      size_t* widest = nullptr;
      for (const size_t i : shown_)
        if (widths_[i] > least(i) && (widest == nullptr || widths_[i] > *widest)) widest = &widths_[i];
      if (widest == nullptr) return;
      --*widest;
    }
  }

  std::string block(const std::vector<Cells>& cells, size_t height) const {
    std::string text;
    for (size_t line = 0; line < height; ++line) {
      std::string written = blanks(indent);
      for (size_t k = 0; k < shown_.size(); ++k) {
        const std::string& cell = cells[k][line];
        const std::string pad = blanks(widths_[shown_[k]] - std::min(widths_[shown_[k]], display_width(cell)));
        const bool left = table_.columns[shown_[k]].align == Align::left;
        written += (left ? cell + pad : pad + cell) + blanks(gap);
      }
      text += without_trailing_blanks(std::move(written)) + '\n';
    }
    return text;
  }

  const TextTable& table_;
  bool broken_ = false;  // headings take two lines
  std::vector<size_t> shown_;
  std::vector<size_t> natural_;
  std::vector<size_t> widths_;
};

void add_once(Cells& all, const std::string& one) {
  if (!one.empty() && std::ranges::find(all, one) == all.end()) all.push_back(one);
}

std::string indented(std::string_view text, size_t by, size_t width) {
  std::string result;
  for (const std::string& line : wrapped(std::string(text), width > by ? width - by : 1, 2))
    result += blanks(by) + line + '\n';
  return result;
}

}  // namespace

void TextTable::add_row(Cells cells) {
  if (cells.size() != columns.size()) throw std::logic_error("a row has one cell per column");
  for (size_t i = 0; i < cells.size(); ++i) columns[i].cells.push_back(std::move(cells[i]));
}

std::string TableWriter::table(const TextTable& table) {
  const Layout layout(table, width_);
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bool shown = std::ranges::find(layout.shown(), i) != layout.shown().end();
    if (shown)
      add_once(meanings_, table.columns[i].meaning);
    else
      add_once(left_out_, joined(table.columns[i].heading));
  }
  std::string text = layout.heading();
  for (size_t row = 0; row < table.rows(); ++row) {
    if (const auto title = table.titles.find(row); title != table.titles.end())
      text += indented(title->second, indent, width_);
    text += layout.row(row);
    if (const auto notes = table.notes.find(row); notes != table.notes.end())
      for (const std::string& note : notes->second) text += indented(note, note_indent, width_);
  }
  return text;
}

std::string TableWriter::paragraph(std::string_view text, size_t hanging) const {
  return fmt::format("{}\n", joined(wrapped(std::string(text), width_, hanging), "\n"));
}

std::string TableWriter::closing(std::string_view file) const {
  std::string text;
  for (const std::string& meaning : meanings_) text += paragraph(meaning);
  if (left_out_.empty()) return text;
  return text + paragraph(fmt::format("not shown: {} (widen the terminal, or see {})", joined(left_out_, ", "), file));
}

size_t display_width(std::string_view text) noexcept {
  return static_cast<size_t>(std::ranges::count_if(text, starts_character));
}

std::string grouped(std::string_view number) {
  const size_t first = number.find_first_of("0123456789");
  if (first == std::string_view::npos) return std::string(number);
  const size_t end = std::min(number.find_first_not_of("0123456789", first), number.size());
  std::string text(number.substr(0, first));
  for (size_t i = first; i < end; ++i) {
    if (i > first && (end - i) % 3 == 0) text += ',';
    text += number[i];
  }
  return text.append(number.substr(end));
}

std::string grouped(size_t number) {
  return grouped(std::to_string(number));
}

std::string shortened(std::string_view text, size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::vector<std::string_view> characters;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    while (end < text.size() && !starts_character(text[end])) ++end;
    characters.push_back(text.substr(i, end - i));
    i = end;
  }
  const size_t head = width / 2;
  return fmt::format("{}…{}", joined(std::span(characters).first(head), ""),
                     joined(std::span(characters).last(width - 1 - head), ""));
}

}  // namespace connbench
