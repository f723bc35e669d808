#include "harness/record/run_folder.h"

#include <errno.h>
#include <fmt/chrono.h>
#include <unistd.h>

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

void refuse_an_earlier_run(const std::filesystem::path& path) {
  for (const std::string_view name : run_files()) {
    std::error_code ignored;  // a file that cannot be examined fails when it is written
    if (!std::filesystem::exists(path / name, ignored)) continue;
    throw std::invalid_argument(
        fmt::format("{} already holds a run ({}): {}, or move that run away", path.string(), name, remedy));
  }
}

}  // namespace

std::string new_run_id() {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{:06x}", fmt::gmtime(seconds), std::random_device()() & 0xffffffU);
}

std::filesystem::path default_run_folder(std::string_view run_id) {
  return std::filesystem::path("results") / run_id;
}

RunFolder::RunFolder(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) refuse(error, path_);
  refuse_an_earlier_run(path_);
  if (::access(path_.c_str(), W_OK | X_OK) != 0) refuse({errno, std::generic_category()}, path_);
}

}  // namespace connbench
