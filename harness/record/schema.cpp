#include "harness/record/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace connbench {
namespace {

constexpr std::array files = {run_file::run,       run_file::samples,   run_file::compressed_samples, run_file::summary,
                              run_file::benchmark, run_file::aggregate, run_file::exhaustion};

std::string_view header_of(std::string_view file) {
  if (file == run_file::samples) return samples_header;
  if (file == run_file::summary) return summary_header;
  if (file == run_file::exhaustion) return exhaustion_header;
  return "";
}

}  // namespace

std::span<const std::string_view> run_files() noexcept {
  return files;
}

std::string samples_of_rank(std::string_view samples, unsigned rank) {
  const size_t ending = samples.find('.');
  return fmt::format("{}.{}{}", samples.substr(0, ending), rank, samples.substr(ending));
}

bool is_samples_of_rank(std::string_view name) noexcept {
  for (const std::string_view samples : {run_file::samples, run_file::compressed_samples}) {
    const std::string_view beginning = samples.substr(0, samples.find('.') + 1);  // with the point
    const std::string_view ending = samples.substr(beginning.size() - 1);
    if (name.size() <= beginning.size() + ending.size()) continue;
    if (!name.starts_with(beginning) || !name.ends_with(ending)) continue;
    const std::string_view rank = name.substr(beginning.size(), name.size() - beginning.size() - ending.size());
    if (rank.find_first_not_of("0123456789") == std::string_view::npos) return true;
  }
  return false;
}

std::vector<std::string_view> columns_of(std::string_view file) {
  const std::string_view header = header_of(file);
  std::vector<std::string_view> columns;
  for (size_t begin = 0; begin < header.size();) {
    const size_t end = std::min(header.find(',', begin), header.size());
    columns.push_back(header.substr(begin, end - begin));
    begin = end + 1;
  }
  return columns;
}

}  // namespace connbench
