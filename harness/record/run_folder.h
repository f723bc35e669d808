// The folder that holds the records of one run.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace connbench {

/// A name for a run that sorts by time and is practically unique: "20250131T094502Z-3fa9c1".
std::string new_run_id();

/// Where a run is written without --out: results/<run id>.
std::filesystem::path default_run_folder(std::string_view run_id);

/// A folder claimed for one run.
class RunFolder {
 public:
  /// Creates the folder and its parents unless they exist. Unrelated files in it are left alone.
  /// @throws std::invalid_argument when it already holds a run, std::system_error when it cannot be created or written
  /// to; both messages say what to do
  explicit RunFolder(std::filesystem::path path);

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path file(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace connbench
