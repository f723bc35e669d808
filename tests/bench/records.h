// The records of a run, as its readers see them.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "harness/connector/outcome.h"
#include "tests/support/python_csv.h"

namespace connbench {

using Row = std::map<std::string, std::string>;

/// The whole rows of a CSV file by column name. Throws when one has too few or too many fields.
inline std::vector<Row> rows_of(const std::filesystem::path& path) {
  std::vector<Row> rows;
  const Rows lines = read_with_python(path);
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].size() != lines[0].size())
      throw std::runtime_error(
          fmt::format("{}: row {} has {} of {} fields", path.string(), i, lines[i].size(), lines[0].size()));
    Row& row = rows.emplace_back();
    for (size_t column = 0; column < lines[i].size(); ++column) row[lines[0][column]] = lines[i][column];
  }
  return rows;
}

inline nlohmann::json json_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

inline uint64_t number(const Row& row, const std::string& column) {
  return std::stoull(row.at(column));
}

/// The sum over all outcomes.
inline uint64_t accounted_for(const Row& row) {
  uint64_t sum = 0;
  for (const Outcome outcome : all_outcomes()) sum += number(row, std::string(to_string(outcome)));
  return sum;
}

}  // namespace connbench
