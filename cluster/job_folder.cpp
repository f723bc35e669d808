#include "cluster/job_folder.h"

#include <errno.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

#include "cluster/job.h"
#include "harness/support/clock.h"

namespace connbench::cluster {
namespace {

// mpirun and its daemons end within that time. Whoever was killed has left its part.
constexpr Duration patience = std::chrono::seconds(3);
constexpr Duration look_interval = std::chrono::milliseconds(20);

std::string create_in(const std::filesystem::path& parent) {
  std::string path = parent / "connbench-job-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    throw HostMissing(
        fmt::format("in {}, no folder for the files of Open MPI can be made ({}): choose another with --mca "
                    "orte_tmpdir_base=FOLDER",
                    parent.string(), std::strerror(errno)));
  return path;
}

}  // namespace

JobFolder::JobFolder(const std::filesystem::path& parent)
    : path_(create_in(parent)), remover_([this] { remove_job_folder(path_); }) {}

JobFolder::~JobFolder() {
  remove_job_folder(path_);
}

void remove_job_folder(const std::string& path) noexcept {
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
