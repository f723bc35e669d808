#include "probe/probe.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/support/units.h"

namespace connbench::probe {
namespace {

using Json = nlohmann::ordered_json;

constexpr Verdict verdicts[] = {Verdict::confirmed, Verdict::refuted, Verdict::depends, Verdict::not_testable};

constexpr std::string_view matrix_name = "matrix";

[[noreturn]] void refuse(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Entry* entry : all_probes()) known.push_back(entry->id);
  known.push_back(matrix_name);
  throw std::invalid_argument(unknown_name("claim", name, known));
}

void add(Choice& choice, std::string_view name) {
  const auto twice = [name] { return std::invalid_argument(fmt::format("{} is given twice", name)); };
  if (name == matrix_name) {
    if (choice.matrix) throw twice();
    choice.matrix = true;
    return;
  }
  const auto rows = all_probes();
  const auto found = std::ranges::find_if(rows, [name](const Entry* entry) { return entry->id == name; });
  if (found == rows.end()) refuse(name);
  if (std::ranges::find(choice.claims, *found) != choice.claims.end()) throw twice();
  choice.claims.push_back(*found);
}

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::confirmed:
      return "confirmed";
    case Verdict::refuted:
      return "refuted";
    case Verdict::depends:
      return "depends";
    case Verdict::not_testable:
      return "not testable here";
  }
  return "";
}

std::string to_text(const Finding& finding) {
  const Json document = {{"verdict", to_string(finding.verdict)}, {"evidence", finding.evidence}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Finding from_text(std::string_view text) {
  try {
    const Json document = Json::parse(text);
    const std::string name = document.at("verdict");
    for (const Verdict verdict : verdicts)
      if (to_string(verdict) == name) return {verdict, document.at("evidence").get<std::vector<std::string>>()};
    throw std::invalid_argument(fmt::format("no verdict is called '{}'", name));
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(fmt::format("not a finding: {}", error.what()));
  }
}

Choice choose(std::string_view names) {
  const auto rows = all_probes();
  if (names.empty()) return {{rows.begin(), rows.end()}, true};
  Choice choice{{}, false};
  for (size_t begin = 0; begin <= names.size();) {
    const size_t end = std::min(names.find(',', begin), names.size());
    add(choice, names.substr(begin, end - begin));
    begin = end + 1;
  }
  std::ranges::sort(choice.claims, {},
                    [&](const Entry* entry) { return std::ranges::find(rows, entry) - rows.begin(); });
  return choice;
}

}  // namespace connbench::probe
