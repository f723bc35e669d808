// The folder that holds the records of one run.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/record/file.h"
#include "harness/support/unique_fd.h"

namespace connbench {

/// A name for a run that sorts by time and is practically unique: "20250131T094502Z-3fa9c1".
std::string new_run_id();

/// Where a run is written without --out: results/<run id>.
std::filesystem::path default_run_folder(std::string_view run_id);

/// A folder claimed for one run. It is held open: what is written goes into this folder, whatever happens to its name.
class RunFolder {
 public:
  /// Creates the folder and its parents unless they exist. Unrelated files in it are left alone.
  /// @throws std::invalid_argument when it already holds a run, std::system_error when it cannot be created or written
  /// to; both messages say what to do
  explicit RunFolder(std::filesystem::path path);
  /// Removes the folders that it has created if they are still empty: a run that is refused leaves nothing.
  ~RunFolder();
  RunFolder(RunFolder&&) noexcept = default;
  RunFolder& operator=(RunFolder&&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  FilePlace file(std::string_view name) const { return {fd_.get(), path_ / name}; }
  /// Whether one of the records' names leads to this file.
  bool has_as_record(const FileIdentity& file) const;

  /// See write_atomically().
  void write(std::string_view name, std::string_view content);
  /// The last write: what it says is true only if everything that was written is still there. Waits for the disk.
  /// @throws std::runtime_error when another program has removed, replaced or changed a file or the folder,
  /// std::system_error when it cannot be written; the previous content of `name` is then intact
  void finish(std::string_view name, std::string_view content);

 private:
  std::filesystem::path path_;
  std::vector<std::filesystem::path> created_;  // the outermost first
  UniqueFd fd_{-1};
  std::map<std::string, FileIdentity, std::less<>> written_;
};

}  // namespace connbench
