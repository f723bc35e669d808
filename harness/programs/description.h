// What a program that serves as a connector says of itself: the answer to `PROGRAM --describe` (docs/programs.md).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/connector.h"
#include "harness/connector/endpoint.h"
#include "harness/connector/retirement.h"

namespace connbench {

/// The version of the dialogue between connbench and a program.
inline constexpr int program_protocol = 1;

struct ProgramDescription {
  struct Library {
    std::string name, version;
  };
  struct Misleading {
    std::string target;  ///< "host-unreachable", or with its parameter: "host-unreachable:100us"
    std::string reason;
  };

  std::string name, summary;
  std::string language, version;  ///< "Go", "1.24.4"
  std::vector<Library> libraries;
  std::vector<Family> families{Family::ipv4};
  Capabilities capabilities{};
  std::vector<CloseMode> close{CloseMode::rst, CloseMode::fin};
  bool open_loop = true;  ///< it honours a schedule
  bool gap = false;       ///< it honours the least time between two attempts
  std::vector<std::string> steered_by;
  std::vector<Misleading> misleading;  ///< targets whose outcome it is known to report wrongly
};

/// @throws std::invalid_argument, whose sentence says what is wrong with `text`
ProgramDescription parse_description(std::string_view text);

/// What the records keep besides the capabilities.
nlohmann::ordered_json description_json(const ProgramDescription& description);

}  // namespace connbench
