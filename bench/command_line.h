// What a subcommand accepts on its command line: declared as data, so that reading it, checking it and explaining it
// (command_help.h) each happen in one place.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace connbench {

/// A flag that takes several values: "a,b", several words, or the flag given again.
struct CommaList {
  std::vector<std::string>* values;
};

/// A flag that may be given again and takes one value each time; commas belong to the value.
struct Repeated {
  std::vector<std::string>* values;
};

/// Where the value of a flag goes; `bool*` is a switch without a value. Its content beforehand is the default.
using Destination = std::variant<bool*, std::string*, CommaList, Repeated>;

/// What a shell completes a value with, where that is not one of a few words. `shares` are of targets: "accepting=90".
enum class Completes : uint8_t { nothing, connectors, targets, shares, files };

struct Flag {
  std::string name;   ///< "--timeout"; without dashes, an argument that is required: "RESOURCE"
  std::string value;  ///< what --help calls the value: "TIME"; "" for a switch
  Destination destination;
  std::string help;
  std::string shown_default{};          ///< for --help, where the destination does not show it
  std::vector<std::string> excludes{};  ///< flags that cannot be given together with this one
  Completes completes = Completes::nothing;
  std::vector<std::string> choices{};  ///< the valid values, where these are a few words
};

struct FlagGroup {
  std::string title;
  std::vector<Flag> flags;
};

struct Example {
  std::string purpose;
  std::string command;
};

/// One subcommand.
struct Command {
  std::string name;
  std::string summary;  ///< one line, without a full stop
  std::vector<FlagGroup> groups{};
  std::string usual_flag{};          ///< suggested for a word without a flag: "--connector"; "" = none is
  std::vector<std::string> notes{};  ///< paragraphs below the flags
  std::vector<Example> examples{};
  std::function<int()> run;     ///< called after the flags were read; returns the exit status
  std::function<void()> check;  ///< the same, but only refuses what run() refuses before it starts anything
};

/// Writes what `words` (the command line behind the command's name) say to the destinations of the command's flags.
/// @throws std::invalid_argument that names the word, and the nearest known flag where there is one
void read_flags(const Command& command, std::span<const std::string> words);

/// "a, b" → "a", "b"; what stands between two commas may be empty.
std::vector<std::string> split_list(std::string_view text);

/// Whether it is an argument without dashes.
bool is_positional(const Flag& flag);

/// Whether it takes no value.
bool is_switch(const Flag& flag);

/// Whether "--help" or "-h" is among them.
bool asks_for_help(std::span<const std::string> words);

/// "unknown option --hlep; did you mean --help?". @param where the command line to which --help can be added
std::string unknown_option(const std::string& given, const std::vector<std::string>& known, const std::string& where);

}  // namespace connbench
