#include "cluster/job_folder.h"

#include <errno.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>

#include "cluster/job.h"
#include "harness/support/clock.h"

namespace connbench::cluster {
namespace {

constexpr std::string_view prefix = "connbench-job-";
// mpirun and its daemons end within that time. A process that was killed has left its files.
constexpr Duration patience = std::chrono::seconds(3);
constexpr Duration look_interval = std::chrono::milliseconds(20);

std::string create_in(const std::filesystem::path& parent) {
  std::string path = parent / (std::string(prefix) + "XXXXXX");
  if (::mkdtemp(path.data()) == nullptr)
    throw HostMissing(
        fmt::format("cannot create a folder for Open MPI's files in {} ({}): choose another with --mca "
                    "orte_tmpdir_base=FOLDER",
                    parent.string(), std::strerror(errno)));
  return path;
}

// Whether it is one that a conductor of this user has made: everything in it will be removed.
bool is_job_folder(const std::string& path) {
  struct stat found {};
  return path.starts_with('/') && std::filesystem::path(path).filename().string().starts_with(prefix) &&
         ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == ::geteuid();
}

}  // namespace

JobFolder::JobFolder(const std::filesystem::path& parent)
    : path_(create_in(parent)), remover_([this] { remove_job_folder(path_); }) {}

JobFolder::~JobFolder() {
  remove_job_folder(path_);
}

void remove_job_folder(const std::string& path) noexcept {
  if (!is_job_folder(path)) return;
  const TimePoint deadline = now() + patience;
  while (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    if (now() > deadline) {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
      return;
    }
    std::this_thread::sleep_for(look_interval);
  }
}

}  // namespace connbench::cluster
