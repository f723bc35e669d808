// The commands of connbench that are programs of their own, in Python: what becomes of finished runs, and the gate.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace connbench {

struct Companion {
  std::string_view name;     ///< of the command, and of the program's file
  std::string_view summary;  ///< one line, without a full stop
};

std::span<const Companion> companions();

/// nullptr: no companion has this name.
const Companion* find_companion(std::string_view name);

/// Becomes that program, which receives `words`. Its folder is CONNBENCH_EXEC_PATH where that is set; else
/// libexec/connbench beside the folder of this executable. (In a build folder, that leads to scripts/ of the checkout.)
/// @throws MachineLacks when the program, or its interpreter, is not there
[[noreturn]] void become_companion(const Companion& companion, std::span<const std::string> words);

}  // namespace connbench
