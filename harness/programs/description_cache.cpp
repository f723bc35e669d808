#include "harness/programs/description_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <vector>

#include "harness/programs/description.h"
#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int format_version = 1;
constexpr size_t most_files = 20'000;       // of a folder; the programs of this project have about 3,000
constexpr size_t longest_cache = 1U << 20;  // bytes
constexpr size_t longest_launcher = 4096;   // the part of a script that is searched for the programs that it starts
constexpr time_t too_new = 2;               // seconds: a file may change twice within the resolution of its times
constexpr int64_t ns_per_second = 1'000'000'000;

fs::path cache_file() {
  const auto absolute = [](const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value == '/' ? fs::path(value) : fs::path();
  };
  fs::path folder = absolute("XDG_CACHE_HOME");
  if (folder.empty() && !absolute("HOME").empty()) folder = absolute("HOME") / ".cache";
  return folder.empty() ? folder : folder / "connbench/programs.json";
}

// What changes when a file does; "" when it is not there, or has just changed.
std::string state_of(const fs::path& path) {
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0 || !S_ISREG(seen.st_mode)) return "";
  if (std::max(seen.st_mtim.tv_sec, seen.st_ctim.tv_sec) > ::time(nullptr) - too_new) return "";
  const auto ns = [](const timespec& time) { return int64_t{time.tv_sec} * ns_per_second + time.tv_nsec; };
  return fmt::format("{} {} {} {} {} {}\n", path.native(), seen.st_dev, seen.st_ino, seen.st_size, ns(seen.st_mtim),
                     ns(seen.st_ctim));
}

// FNV-1a: it tells states apart, and protects from nobody. Who may write the cache may replace the programs, too.
std::string digest(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::string beginning_of(const fs::path& path) {
  std::string text(longest_launcher, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

// A program that a script names: by its path, or after `env` as PATH has it.
std::string state_of_named(const std::string& word) {
  if (word.front() == '/') return state_of(word);
  std::istringstream folders(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (std::string state = state_of(fs::path(folder) / word); !state.empty()) return state;
  return "";
}

// The interpreters and programs that a script names; of another program nothing.
std::string state_of_what_it_starts(const fs::path& path) {
  std::string text = beginning_of(path);
  if (!text.starts_with("#!")) return "";
  std::ranges::replace_if(
      text, [](char c) { return std::string_view("\"'=;:!#").find(c) != std::string_view::npos; }, ' ');
  std::istringstream first_line(text.substr(0, text.find('\n')));
  std::istringstream all(text);
  std::string state;
  for (std::string word; first_line >> word;) state += state_of_named(word);
  for (std::string word; all >> word;)
    if (word.front() == '/') state += state_of(word);
  return state;
}

std::map<std::string, std::pair<std::string, std::string>> read_entries(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat seen {};
  if (!fd || ::fstat(fd.get(), &seen) != 0 || !S_ISREG(seen.st_mode) || seen.st_uid != ::geteuid() ||
      seen.st_size > static_cast<off_t>(longest_cache))
    return {};
  std::string text(static_cast<size_t>(seen.st_size), '\0');
  if (::read(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return {};
  const Json whole = Json::parse(text, nullptr, false);
  if (!whole.is_object() || whole.value("version", 0) != format_version) return {};
  std::map<std::string, std::pair<std::string, std::string>> entries;
  for (const auto& [program, entry] : whole.at("programs").items())
    entries[program] = {entry.at("key").get<std::string>(), entry.at("text").get<std::string>()};
  return entries;
}

// In one step: another command may read it meanwhile.
void replace_file(const fs::path& path, const std::string& text) {
  const fs::path fresh = path.native() + fmt::format(".{}", ::getpid());
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return;
  if (::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) fs::rename(fresh, path, error);
  fs::remove(fresh, error);
}

// A cache that does not work is none.
template <class Work>
auto or_nothing(Work work) noexcept -> decltype(work()) {
  try {
    return work();
  } catch (...) {
    return decltype(work())();
  }
}

}  // namespace

DescriptionCache::DescriptionCache() noexcept {
  or_nothing([this] {
    file_ = cache_file();
    if (file_.empty()) return;
    for (auto& [program, entry] : read_entries(file_)) entries_[program] = {entry.first, entry.second};
  });
}

std::string DescriptionCache::state_of_folder(const fs::path& folder) {
  std::vector<std::string> states;
  for (fs::recursive_directory_iterator file(folder), end; file != end; ++file) {
    if (file->is_directory()) continue;
    states.push_back(state_of(file->path()));
    if (states.back().empty() || states.size() > most_files) return "";
  }
  std::ranges::sort(states);
  std::string all;
  for (const std::string& state : states) all += state;
  return all.empty() ? "" : digest(all);
}

const std::string& DescriptionCache::key_of(const std::string& program) {
  const auto [found, is_new] = keys_.try_emplace(program);
  if (!is_new) return found->second;
  const fs::path folder = fs::path(program).parent_path();
  const auto [known, not_known] = folders_.try_emplace(folder.native());
  if (not_known) known->second = state_of_folder(folder);
  const std::string own = state_of(program);
  if (known->second.empty() || own.empty()) return found->second;
  const char* path = std::getenv("PATH");
  found->second = digest(fmt::format("{}\n{}\n{}{}{}", program_protocol, known->second, own,
                                     state_of_what_it_starts(program), path == nullptr ? "" : path));
  return found->second;
}

std::optional<std::string> DescriptionCache::find(const std::string& program) noexcept {
  return or_nothing([&]() -> std::optional<std::string> {
    const std::string& key = key_of(program);
    const auto found = entries_.find(program);
    if (file_.empty() || key.empty() || found == entries_.end() || found->second.key != key) return std::nullopt;
    return found->second.text;
  });
}

void DescriptionCache::keep(const std::string& program, std::string text) noexcept {
  or_nothing([&] {
    const std::string& key = key_of(program);
    if (key.empty()) return;
    entries_[program] = {key, std::move(text)};
    changed_ = true;
  });
}

void DescriptionCache::save() noexcept {
  or_nothing([&] {
    if (!changed_ || file_.empty()) return;
    Json programs = Json::object();
    for (const auto& [program, entry] : entries_)
      if (::access(program.c_str(), F_OK) == 0) programs[program] = {{"key", entry.key}, {"text", entry.text}};
    replace_file(file_, Json{{"version", format_version}, {"programs", std::move(programs)}}.dump());
  });
}

}  // namespace connbench
