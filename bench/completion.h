// What may stand in place of the word before the cursor. The shell asks the program (packaging/completions/), so that
// completion knows the commands, flags, connectors, options and targets of the program that is about to be started.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/command_line.h"

namespace connbench {

/// `connbench __complete WORD...`: the words behind the program's name up to the cursor. The last one is being typed,
/// and may be empty.
inline constexpr std::string_view complete_command = "__complete";

/// Set for a program of scripts/ that shall complete its last word instead of doing anything.
inline constexpr const char* companion_completes = "CONNBENCH_COMPLETE";

struct Candidate {
  std::string word;      ///< replaces the whole word; one that ends with ':', '=' or '+' is to be continued
  std::string explains;  ///< one sentence; may be empty
};

struct Completions {
  bool files = false;  ///< the word is the name of a file or folder, which the shell knows better
  std::vector<Candidate> candidates{};
};

/// Starts no connector and no program. nullopt: the command is a program of scripts/, which knows its flags itself.
std::optional<Completions> complete(std::span<const Command> commands, std::span<const std::string> words);

/// What `connbench __complete` prints: "files" or "words", then one candidate per line, a tab and the explanation.
std::string text_of(const Completions& completions);

}  // namespace connbench
