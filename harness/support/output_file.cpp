#include "harness/support/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace connbench {
namespace {

constexpr int look_every_ms = 10;

std::string canonical(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> name(::realpath(path.c_str(), nullptr), &std::free);
  return name ? name.get() : path;
}

}  // namespace

bool would_mix(const struct stat& a, const struct stat& b) noexcept {
  if (S_ISCHR(a.st_mode) && S_ISCHR(b.st_mode) && a.st_rdev == b.st_rdev)
    return a.st_rdev != makedev(1, 3) && a.st_rdev != makedev(1, 7);  // /dev/null and /dev/full keep nothing
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

OutputFile::OutputFile(std::string flag, std::string path, const std::function<bool()>& give_up)
    : flag_(std::move(flag)), path_(std::move(path)) {
  if (path_ == "-")
    throw std::invalid_argument(
        fmt::format("{}: '-' is no file, and stdout has the results; for a file of that name write ./-", flag_));
  open(give_up);
  if (!fd_) return;
  for (const int standard : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat other {};
    if (::fstat(standard, &other) == 0 && would_mix(status(), other))
      throw std::invalid_argument(fmt::format("{}: {} is where {} goes, and both would be mixed: choose another file",
                                              flag_, path_, standard == STDOUT_FILENO ? "stdout" : "stderr"));
  }
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : flag_(std::move(other.flag_)),
      path_(std::move(other.path_)),
      created_(std::exchange(other.created_, "")),
      fd_(std::move(other.fd_)) {}

OutputFile::~OutputFile() {
  if (!created_.empty()) ::unlink(created_.c_str());
}

// Without O_NONBLOCK, opening a FIFO would wait for its reader, deaf to signals.
void OutputFile::open(const std::function<bool()>& give_up) {
  constexpr int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  for (;;) {
    fd_.reset(::open(path_.c_str(), flags));
    if (!fd_ && errno == ENOENT) {
      fd_.reset(::open(path_.c_str(), flags | O_CREAT, 0666));
      if (fd_) created_ = canonical(path_);
    }
    if (fd_) break;
    if (errno != ENXIO)
      throw std::invalid_argument(fmt::format("{}: {} cannot be written: {}", flag_, path_, std::strerror(errno)));
    if (give_up()) return;
    ::poll(nullptr, 0, look_every_ms);
  }
  checked(::fcntl(fd_.get(), F_SETFL, 0), "fcntl");
}

struct stat OutputFile::status() const {
  struct stat found {};
  if (::fstat(fd_.get(), &found) != 0) throw std::system_error(errno, std::generic_category(), path_);
  return found;
}

void OutputFile::begin() {
  created_.clear();
  if (S_ISREG(status().st_mode) && ::ftruncate(fd_.get(), 0) != 0)
    throw std::system_error(errno, std::generic_category(), path_);
}

void OutputFile::write(std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd_.get(), content.data(), content.size());
    if (written < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), path_);
    if (written > 0) content.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace connbench
