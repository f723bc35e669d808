// The folder that one run leaves.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace connbench {

/// A name for a run that sorts by time and that two runs hardly share: "20250131T094502Z-3fa9c1".
std::string new_run_id();

/// Where a run goes that was not told: results/<run id>.
std::filesystem::path default_run_folder(std::string_view run_id);

/// A folder claimed for one run.
class RunFolder {
 public:
  /// Makes the folder (and its parents) unless it is there; unrelated files in it are left alone.
  /// @throws std::invalid_argument when it holds a run already, std::system_error when it cannot be made or written to;
  /// both say what to do
  explicit RunFolder(std::filesystem::path path);

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path file(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace connbench
