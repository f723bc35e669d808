#include "probe/report.h"

#include <algorithm>

#include "harness/record/csv.h"
#include "harness/support/joined.h"
#include "harness/support/text_table.h"
#include "harness/support/units.h"
#include "probe/words.h"

namespace connbench::probe {
namespace {

Cells heading() {
  return {"state",        "select R/W/X", "poll",          "epoll",     "SO_ERROR",         "getpeername",
          "read 0 bytes", "recv 1 byte",  "connect again", "once more", "error consumed by"};
}

Cells cells_of(const MatrixRow& row) {
  const std::string state(to_string(row.state));
  if (!row.why_not.empty()) {
    Cells cells(heading().size(), "");
    cells[0] = state;
    cells[1] = "not testable here: " + row.why_not;
    return cells;
  }
  const auto ok = [](int error, const char* word) { return error == 0 ? std::string(word) : error_name(error); };
  return {
      state,
      fmt::format("{:d}/{:d}/{:d}", row.select_read, row.select_write, row.select_except),
      ready_bits(row.poll),
      ready_bits(row.epoll),
      row.so_error == 0 ? "0" : fmt::format("{}, then {}", error_name(row.so_error), error_name(row.so_error_again)),
      ok(row.getpeername, "ok"),
      ok(row.empty_read, "0"),
      row.recv_error == 0 ? std::to_string(row.received) : error_name(row.recv_error),
      error_name(row.second_connect),
      error_name(row.third_connect),
      row.has_error() ? joined(row.consumers, ", ") : "-"};
}

// A way, and the states in which its diagnosis is wrong.
struct Judgement {
  std::string_view way;
  bool right;
  std::string wrong_for;
};

std::vector<Judgement> judge(const std::vector<MatrixRow>& rows) {
  std::vector<Judgement> judgements;
  for (const Way& way : ways()) {
    Judgement judgement{way.name, is_right(way, rows), std::string(way.side_effect)};
    for (const MatrixRow& row : rows) {
      if (!row.why_not.empty() || is_right(row.state, way.diagnose(row))) continue;
      judgement.wrong_for += fmt::format("{}{}: says {}", judgement.wrong_for.empty() ? "" : "; ", to_string(row.state),
                                         to_string(way.diagnose(row)));
    }
    judgements.push_back(std::move(judgement));
  }
  return judgements;
}

// The ways that most programs use stay longest in a narrow terminal.
TextTable text_table(const std::vector<MatrixRow>& rows) {
  constexpr unsigned ranks[] = {0, 3, 2, 1, 1, 4, 6, 6, 5, 6, 2};
  constexpr size_t least[] = {20, 0, 8, 8, 12, 0, 0, 0, 0, 0, 16};
  const Cells headings = heading();
  TextTable table;
  for (size_t i = 0; i < headings.size(); ++i)
    table.columns.push_back({.heading = headings[i], .rank = ranks[i], .least = least[i]});
  for (const MatrixRow& row : rows) {
    Cells cells = cells_of(row);
    if (!row.why_not.empty()) {
      cells[1].clear();
      table.notes[table.rows()] = {"not here: " + row.why_not};
    }
    table.add_row(std::move(cells));
  }
  return table;
}

std::string as_text(const std::vector<Result>& results, const std::vector<MatrixRow>& rows, size_t width) {
  TableWriter writer(width);
  std::string text;
  for (const auto& [claim, finding] : results) {
    text += writer.paragraph(fmt::format("{:<4} {}: {}", claim->id, to_string(finding.verdict), claim->sentence), 5);
    for (const std::string& line : finding.evidence) text += writer.paragraph("       " + line, 9);
  }
  if (rows.empty()) return text;
  text += '\n';
  text += writer.paragraph("A non-blocking connect() in every state, queried in every way");
  text += writer.table(text_table(rows));
  text += writer.closing("matrix.csv");
  text += "\nWays to find out whether it has succeeded\n";
  for (const Judgement& judgement : judge(rows))
    text += writer.paragraph(fmt::format("  {:<5}  {}{}", judgement.right ? "right" : "WRONG", judgement.way,
                                         judgement.wrong_for.empty() ? "" : fmt::format(" ({})", judgement.wrong_for)),
                             9);
  return text;
}

// Escapes characters that have a meaning in a Markdown table.
std::string markdown_cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '>' || c == '*' || c == '_') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string markdown_row(const Cells& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) row += fmt::format(" {} |", markdown_cell(cell));
  return row + '\n';
}

std::string as_markdown(const std::vector<Result>& results, const std::vector<MatrixRow>& rows) {
  std::string text = "# What this kernel does with connect()\n";
  if (!results.empty()) text += "\n| claim | verdict | |\n|---|---|---|\n";
  for (const auto& [claim, finding] : results)
    text +=
        markdown_row({std::string(claim->id), std::string(to_string(finding.verdict)), std::string(claim->sentence)});
  for (const auto& [claim, finding] : results) {
    text += fmt::format("\n## {}: {}\n\n{}\n\nSeen by `{}`:\n\n", claim->id, to_string(finding.verdict),
                        markdown_cell(claim->sentence), claim->source);
    for (const std::string& line : finding.evidence) text += fmt::format("- {}\n", markdown_cell(line));
  }
  if (rows.empty()) return text;
  text += "\n## A non-blocking connect() in every state, queried in every way\n\n" + markdown_row(heading());
  text += markdown_row(Cells(heading().size(), "---"));
  for (const MatrixRow& row : rows) text += markdown_row(cells_of(row));
  text += "\n| way to find out whether it has succeeded | | where it is wrong |\n|---|---|---|\n";
  for (const Judgement& judgement : judge(rows))
    text += fmt::format("| {} | {} | {} |\n", markdown_cell(judgement.way), judgement.right ? "right" : "**wrong**",
                        markdown_cell(judgement.wrong_for));
  return text;
}

}  // namespace

Format parse_format(std::string_view name) {
  if (name == "text") return Format::text;
  if (name == "markdown") return Format::markdown;
  if (name == "csv") return Format::csv;
  throw std::invalid_argument(unknown_name("format", name, {"text", "markdown", "csv"}));
}

std::string findings_csv(const std::vector<Result>& results) {
  std::string text = "claim,verdict,evidence";
  text += csv_row_end;
  for (const auto& [claim, finding] : results)
    text += CsvRow().text(claim->id).text(to_string(finding.verdict)).text(joined(finding.evidence, "\n")).finish();
  return text;
}

std::string matrix_csv(const std::vector<MatrixRow>& rows) {
  std::string text =
      "state,connect,select,poll,epoll,so_error,so_error_again,getpeername,empty_read,recv,second_connect,"
      "third_connect,consumed_by,not_here";
  for (const Way& way : ways()) text += ',' + csv_field(way.name);
  text += csv_row_end;
  for (const MatrixRow& row : rows) {
    CsvRow csv;
    csv.text(to_string(row.state));
    if (!row.why_not.empty()) {
      for (int i = 0; i < 12; ++i) csv.text("");
      csv.text(row.why_not);
      for (size_t i = 0; i < ways().size(); ++i) csv.text("");
    } else {
      const Cells cells = cells_of(row);
      csv.text(error_name(row.connect_error)).text(cells[1]).text(cells[2]).text(cells[3]);
      csv.text(error_name(row.so_error)).text(error_name(row.so_error_again)).text(error_name(row.getpeername));
      csv.text(cells[6]).text(cells[7]).text(cells[8]).text(cells[9]).text(cells[10]).text("");
      for (const Way& way : ways())
        csv.text(fmt::format("{}: {}", is_right(row.state, way.diagnose(row)) ? "right" : "wrong",
                             to_string(way.diagnose(row))));
    }
    text += csv.finish();
  }
  return text;
}

std::string report(Format format, const std::vector<Result>& results, const std::vector<MatrixRow>& rows,
                   size_t width) {
  switch (format) {
    case Format::text:
      return as_text(results, rows, width);
    case Format::markdown:
      return as_markdown(results, rows);
    case Format::csv:
      return results.empty() && !rows.empty() ? matrix_csv(rows) : findings_csv(results);
  }
  return "";
}

}  // namespace connbench::probe
