// A folder that a job has on every host, under the same name: for what Open MPI and the workers put on a disk. Nothing
// of it stays there, however the processes of the job end.
#pragma once

#include <filesystem>
#include <string>

#include "harness/process/after_death.h"

namespace connbench::cluster {

/// On the machine of the conductor, which chooses the name.
class JobFolder {
 public:
  /// @param parent a folder of this machine @throws HostMissing
  explicit JobFolder(const std::filesystem::path& parent);
  ~JobFolder();
  JobFolder(const JobFolder&) = delete;
  JobFolder& operator=(const JobFolder&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  AfterDeath remover_;
};

/// The flag that tells connbench-mpi and the worker its path.
inline constexpr const char* job_folder_flag = "--job-folder";

/// Removes the folder once those who use it have emptied it, or after 3 s with whatever is left in it. Leaves alone
/// what is not the folder of a job of this user.
void remove_job_folder(const std::string& path) noexcept;

}  // namespace connbench::cluster
