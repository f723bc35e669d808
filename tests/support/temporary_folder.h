// Shared by the tests of the records: a temporary folder, the content of files, and children.
#pragma once

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "harness/support/unique_fd.h"

namespace connbench {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "connbench-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs `body` in a child, whose exit status is what it returns (125: it threw). @return the status, as of waitpid()
template <typename Body>
int in_child(Body body) {
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    try {
      ::_exit(body());
    } catch (...) {
      ::_exit(125);
    }
  }
  int status = 0;
  checked(::waitpid(child, &status, 0), "waitpid");
  return status;
}

}  // namespace connbench
