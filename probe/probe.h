// The vocabulary of probes: a claim about connect(), the evidence seen when it was provoked, and the verdict.
#pragma once

#include <fmt/format.h>

#include <cstdint>
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
  confirmed,     ///< the evidence agrees with the claim
  refuted,       ///< the evidence contradicts it
  depends,       ///< it holds partly or in some cases; the evidence says when
  not_testable,  ///< it cannot be provoked here; the evidence says why
};
/// "confirmed", "refuted", "depends", "not testable here".
std::string_view to_string(Verdict verdict) noexcept;

/// The result of one probe.
struct Finding {
  Verdict verdict = Verdict::not_testable;
  std::vector<std::string> evidence{};  ///< one line each: calls, errnos, bits, times

  template <typename... Args>
  void saw(fmt::format_string<Args...> format, Args&&... arguments) {
    evidence.push_back(fmt::format(format, std::forward<Args>(arguments)...));
  }
  bool operator==(const Finding&) const = default;
};

/// Thrown by a probe that cannot run on this machine; the message says what is missing.
struct NotTestable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One row of the table.
struct Entry {
  std::string_view id;        ///< "S6"
  std::string_view sentence;  ///< the claim, in one sentence
  std::string_view source;    ///< the file that tests it: "probe/classification.cpp"
  bool needs_lab = false;     ///< it needs a network whose far side can be silent, distant, lossy or observed
  /// Runs in its own single-threaded process, so it may change signals, limits and namespaces.
  /// @throws NotTestable; any other exception is reported as a defect
  Finding (*run)(Surroundings& here);
};

/// Serialisation for passing a finding between processes. from_text() throws std::invalid_argument.
std::string to_text(const Finding& finding);
Finding from_text(std::string_view text);

/// The probes that the user selected.
struct Choice {
  std::vector<const Entry*> claims;  ///< in the order of the table
  bool matrix;
};
/// Parses "S6,S9,matrix"; "" = everything.
/// @throws std::invalid_argument for an unknown claim, with the nearest known one, and for a duplicate
Choice choose(std::string_view names);

}  // namespace probe

/// All claims in order. CMake generates this table (cmake/registry.cmake), so that a missing claim is a link error.
std::span<const probe::Entry* const> all_probes();

}  // namespace connbench
