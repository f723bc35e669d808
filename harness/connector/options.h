// Options that are part of a connector's name: `select-threads+wait:50ms+stack:64KiB`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"

namespace connbench {

/// One option that a connector understands.
struct OptionSpec {
  enum class Kind : uint8_t { choice, duration, size, count, addresses };
  std::string_view name;
  Kind kind;
  std::string_view choices;        ///< for Kind::choice: the values, separated by '|'
  std::string_view default_value;  ///< the value when the name has none; "" = the connector decides
  std::string_view help;
  std::string_view misleading = {};  ///< those choices that are known to report false outcomes
  /// The valid range of a duration, size or count, in the spelling of its values; "" = as wide as the type.
  std::string_view least = {}, most = {};
  /// The value that the name alone stands for: "+fastopen" is "+fastopen:on"; "" = a value must be written.
  std::string_view bare_value = {};

  bool operator==(const OptionSpec&) const = default;
};

/// The values of a choice: "rst|fin|hold" → "rst", "fin", "hold". "" has none.
std::vector<std::string_view> values_of(std::string_view choices);

/// What kind of value to write: "duration", "size", … A choice lists its values instead.
std::string_view to_string(OptionSpec::Kind kind) noexcept;

/// The options of one connector, checked against their specifications. Asking for an option that was not specified, or
/// for a value that is not there, is a defect of the connector and throws std::logic_error.
class Options {
 public:
  Options() = default;
  /// `text` is what follows the connector's base name: "" or "+name:value+name:value".
  /// @throws std::invalid_argument, which names the unknown option, or the value and the valid ones
  Options(std::string_view text, std::span<const OptionSpec> specs);

  std::string_view choice(std::string_view name) const;
  Duration duration(std::string_view name) const;
  size_t size(std::string_view name) const;  ///< bytes: "64KiB", "8MiB", "65536"
  size_t count(std::string_view name) const;
  std::vector<Endpoint> addresses(std::string_view name) const;  ///< with port 0
  bool given(std::string_view name) const;                       ///< it has a value, from the name or by default
  bool knows(std::string_view name) const noexcept { return values_.contains(name); }  ///< it is specified
  /// The value of every specified option, as written in a name; "" = it has none. For the records.
  const std::map<std::string, std::string, std::less<>>& values() const noexcept { return values_; }

  /// The options that were given, in the order of their specifications and with their values in the shortest spelling:
  /// "+wait:1s+stack:64KiB". One text for every spelling of the same options.
  const std::string& canonical() const noexcept { return canonical_; }

 private:
  const std::string& specified(std::string_view name) const;
  const std::string& value(std::string_view name) const;
  std::map<std::string, std::string, std::less<>> values_;  // of every specified option, canonical; "" = no value
  std::string canonical_;
};

/// "epoll+wait:pwait2" → "epoll"; "./c++/client+close:fin" → "./c++/client".
std::string_view base_name(std::string_view connector_name) noexcept;

}  // namespace connbench
