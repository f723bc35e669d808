#include "harness/record/schema.h"

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
