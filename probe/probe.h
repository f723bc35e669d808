// The vocabulary of probes: a claim about connect(), what was seen when it was provoked here, and the verdict.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace connbench {
namespace probe {

class Surroundings;

enum class Verdict : uint8_t {
  confirmed,     ///< what was seen is what the claim says
  refuted,       ///< what was seen contradicts it
  depends,       ///< it holds in part, or for some: the evidence says on what it depends
  not_testable,  ///< it cannot be provoked here; the evidence says why
};
/// "confirmed", "refuted", "depends", "not testable here".
std::string_view to_string(Verdict verdict) noexcept;

/// What came of one probe.
struct Finding {
  Verdict verdict = Verdict::not_testable;
  std::vector<std::string> evidence{};  ///< one line each: calls, errnos, bits, times

  template <typename... Args>
  void saw(fmt::format_string<Args...> format, Args&&... arguments) {
    evidence.push_back(fmt::format(format, std::forward<Args>(arguments)...));
  }
  bool operator==(const Finding&) const = default;
};

/// Thrown by a probe when this machine does not let it be provoked; the message says what is missing.
struct NotTestable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One row of the table.
struct Entry {
  std::string_view id;        ///< "S6"
  std::string_view sentence;  ///< what is claimed, in one English sentence
  std::string_view source;    ///< the file that shows it: "probe/classification.cpp"
  bool needs_lab = false;     ///< it wants a network whose other side can be made silent, far or lossy, or be watched
  /// Runs in a process of its own with one thread, so that it may use signals, limits and namespaces as it likes.
  /// @throws NotTestable; anything else is a defect, and is told as one
  Finding (*run)(Surroundings& here);
};

/// A finding on its way from the process that made it. from_text() throws std::invalid_argument.
std::string to_text(const Finding& finding);
Finding from_text(std::string_view text);

/// What a person asks for.
struct Choice {
  std::vector<const Entry*> claims;  ///< in the order of the table
  bool matrix;
};
/// "S6,S9,matrix"; "" = everything. @throws std::invalid_argument for what is no claim (with the nearest known one) or
/// stands there twice
Choice choose(std::string_view names);

}  // namespace probe

/// All claims, in their order; written by CMake (cmake/registry.cmake), so that a missing one is a link error.
std::span<const probe::Entry* const> all_probes();

}  // namespace connbench
