#include "harness/record/run_folder.h"

#include <errno.h>
#include <fmt/chrono.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <system_error>

#include "harness/record/schema.h"

namespace connbench {
namespace {

constexpr std::string_view remedy = "choose another folder with --out";

[[noreturn]] void refuse(std::error_code error, const std::filesystem::path& path) {
  throw std::system_error(error, fmt::format("cannot write to the folder {} ({})", path.string(), remedy));
}

// Every name under which a command writes: those of `connbench probe` have no columns that the scripts read.
std::vector<std::string_view> names_of_records() {
  std::vector<std::string_view> names(run_files().begin(), run_files().end());
  for (const std::string_view name : {"probe.csv", "probe.md", "matrix.csv"}) names.push_back(name);
  return names;
}

// A link counts too, wherever it leads: what stands there was not made by this run.
void refuse_an_earlier_run(int folder, const std::filesystem::path& path) {
  const auto refuse_because_of = [&](std::string_view name) {
    throw std::invalid_argument(
        fmt::format("{} already holds a run ({}): {}, or move that run away", path.string(), name, remedy));
  };
  for (const std::string_view name : names_of_records()) {
    struct stat status {};
    if (::fstatat(folder, std::string(name).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) refuse_because_of(name);
  }
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(path, unreadable))
    if (const std::string name = entry.path().filename(); is_samples_of_rank(name)) refuse_because_of(name);
}

// The folders that have to be created for `path`, the outermost first.
std::vector<std::filesystem::path> missing_folders(std::filesystem::path path) {
  std::vector<std::filesystem::path> missing;
  std::error_code ignored;
  for (; !path.empty() && !std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
       path = path.parent_path())
    missing.push_back(path);
  std::ranges::reverse(missing);
  return missing;
}

bool same_folder(const FileIdentity& a, const FileIdentity& b) {
  return a.device == b.device && a.inode == b.inode;
}

}  // namespace

std::string new_run_id() {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{:06x}", fmt::gmtime(seconds), std::random_device()() & 0xffffffU);
}

std::filesystem::path default_run_folder(std::string_view run_id) {
  return std::filesystem::path("results") / run_id;
}

RunFolder::RunFolder(std::filesystem::path path) : path_(std::move(path)), created_(missing_folders(path_)) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (!error) {
    fd_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd_) error = {errno, std::generic_category()};
  }
  if (error) refuse(error, path_);
  refuse_an_earlier_run(fd_.get(), path_);
  if (::faccessat(fd_.get(), ".", W_OK | X_OK, 0) != 0) refuse({errno, std::generic_category()}, path_);
}

RunFolder::~RunFolder() {
  for (auto folder = created_.rbegin(); folder != created_.rend(); ++folder)
    ::rmdir(folder->c_str());  // fails where there is a record
}

bool RunFolder::has_as_record(const FileIdentity& file) const {
  const auto is = [&](const std::string& name) {
    struct stat status {};
    return ::fstatat(fd_.get(), name.c_str(), &status, 0) == 0 && status.st_dev == file.device &&
           status.st_ino == file.inode;
  };
  return std::ranges::any_of(names_of_records(), [&](std::string_view name) {
    return is(std::string(name)) || is(temporary_name(std::string(name)));
  });
}

void RunFolder::write(std::string_view name, std::string_view content) {
  written_.insert_or_assign(std::string(name), write_atomically(file(name), content));
}

void RunFolder::finish(std::string_view name, std::string_view content) {
  struct stat now {};
  if (::stat(path_.c_str(), &now) != 0 || !same_folder({now.st_dev, now.st_ino, 0}, identity_of(fd_.get(), path_)))
    throw std::runtime_error(fmt::format(
        "{} was moved or removed while the run was writing to it: its records are not complete", path_.string()));
  for (const auto& [other, identity] : written_) {
    if (other == name) continue;
    const FilePlace place = file(other);
    require_unchanged(place, identity);
    const UniqueFd opened(::openat(place.folder, place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (opened) flush_to_disk(opened.get(), place.path);  // a umask may forbid reading it
  }
  written_.insert_or_assign(std::string(name), write_atomically(file(name), content, Durable::yes));
  flush_to_disk(fd_.get(), path_);
}

}  // namespace connbench
