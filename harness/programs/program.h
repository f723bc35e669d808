// Programs in any language as connectors: where they are, and what they say of themselves.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/programs/description.h"

namespace connbench {

/// What a program answered to --describe.
struct DescriptionAnswer {
  std::optional<ProgramDescription> description;
  std::string why_not;  ///< "" when there is a description
};

/// One program. Lives as long as this process, as the entries of linked connectors do.
class ConnectorProgram {
 public:
  /// @param why_absent why there is none; "" = there may be one
  ConnectorProgram(std::string name, std::filesystem::path path, std::string why_absent = "");
  ConnectorProgram(const ConnectorProgram&) = delete;
  ConnectorProgram& operator=(const ConnectorProgram&) = delete;

  const std::string& path() const noexcept { return path_; }
  /// Its row. It names the program as it was asked for; summary and families are known after answer(). It has no
  /// probe() and no make().
  const ConnectorEntry& entry() const noexcept { return entry_; }
  /// Whether it is only known by its name, and answer() says what its build lacked.
  bool is_absent() const noexcept { return absent_; }
  /// Whether it was asked what it is.
  bool was_asked() const noexcept { return answer_.has_value(); }
  /// Runs `PROGRAM --describe`, the first time. Call it while the process has one thread.
  const DescriptionAnswer& answer() const;
  /// What was asked elsewhere; see describe_all().
  void keep(DescriptionAnswer answer) const;
  /// What it said, or what holds for a program that says nothing.
  const ProgramDescription& description() const;

 private:
  std::string name_;
  std::string path_;
  bool absent_;
  mutable std::optional<DescriptionAnswer> answer_;
  mutable ConnectorEntry entry_;
};

/// The group of connectors that are programs.
inline constexpr std::string_view program_group = "programs";

/// Runs `PATH --describe` and reads the answer, within 10 s.
DescriptionAnswer describe(const std::string& path);

/// Asks those that were not asked yet, some at a time: a runtime may take a second to start. What is shown may come
/// from DescriptionCache; what is recorded comes from answer() of a process that has not called this.
void describe_all(std::span<const ConnectorProgram* const> programs);

/// The program for a connector's name: a path, which has a slash and need not exist, or the name of a file in
/// program_folders(). Where a program could not be built, NAME.absent says why. nullptr: a bare name that no folder
/// has. One object for each name.
const ConnectorProgram* find_program(std::string_view name);

/// The programs in program_folders(), by name. Of two with one name, the first counts.
std::vector<const ConnectorProgram*> all_programs();

/// $CONNBENCH_PROGRAMS, then the folder that belongs to this build or installation.
std::vector<std::filesystem::path> program_folders();

/// Why `program` cannot serve a case with this policy; nullopt when it can.
std::optional<std::string> why_program_cannot(const ProgramDescription& program, const ConnectionPolicy& policy);

}  // namespace connbench
