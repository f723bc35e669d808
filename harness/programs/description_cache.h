// What programs said of themselves, kept between commands: a runtime takes up to a second to start.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace connbench {

/// Descriptions by the path of the program, in $XDG_CACHE_HOME/connbench/programs.json (or ~/.cache). For what is
/// shown, never for records: those ask the program itself. An entry holds for as long as nothing changes that can
/// change the answer: a file of the program's folder, the interpreters that a script names, or PATH. Where the cache
/// cannot be read or written, there is none; no method throws.
class DescriptionCache {
 public:
  DescriptionCache() noexcept;

  /// What the program printed when it was last asked; nullopt when that is not known, or may not be true any more.
  std::optional<std::string> find(const std::string& program) noexcept;
  /// What it has printed now, after find() had nothing.
  void keep(const std::string& program, std::string text) noexcept;
  /// Writes what was kept.
  void save() noexcept;

 private:
  struct Entry {
    std::string key, text;
  };
  const std::string& key_of(const std::string& program);
  std::string state_of_folder(const std::filesystem::path& folder);

  std::filesystem::path file_;  // "" = there is no place for a cache
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> keys_;     // of programs, as they are now; "" = cannot be known
  std::map<std::string, std::string> folders_;  // their states; "" = cannot be known
  bool changed_ = false;
};

}  // namespace connbench
