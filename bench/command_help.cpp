#include "bench/command_help.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/companions.h"
#include "harness/support/joined.h"
#include "harness/support/wrapped.h"

namespace connbench {
namespace {

constexpr size_t width = 80;
constexpr size_t help_column = 29;     // where the explanation of a flag begins
constexpr size_t summary_column = 11;  // where that of a command begins
constexpr char unbreakable = '\x1f';   // a blank at which no line may be broken

// What is short enough to stand on one line is kept together.
std::string kept_together(std::string text) {
  if (text.size() < width - help_column) std::ranges::replace(text, ' ', unbreakable);
  return text;
}

std::vector<std::string> lines_of(const std::string& text, size_t room, size_t hanging = 0) {
  std::vector<std::string> lines = wrapped(text, room, hanging);
  for (std::string& line : lines) std::ranges::replace(line, unbreakable, ' ');
  return lines;
}

void append_wrapped(std::string& text, const std::string& paragraph, size_t indent) {
  for (const std::string& line : lines_of(paragraph, width - indent)) text += std::string(indent, ' ') + line + '\n';
}

// The head on the left, the explanation on the right; below the head when that is too long.
void append_row(std::string& text, const std::string& head, const std::string& explanation,
                size_t column = help_column) {
  std::string right;
  append_wrapped(right, explanation, column);
  const std::string left = "  " + head;
  if (left.size() + 2 <= column)
    text += left + right.substr(left.size());
  else
    text += left + '\n' + right;
}

void append_flag(std::string& text, const Flag& flag) {
  const std::string shown = default_of(flag);
  append_row(
      text, flag.value.empty() ? flag.name : flag.name + ' ' + flag.value,
      shown.empty() ? flag.help : fmt::format("{} {}", flag.help, kept_together(fmt::format("[default: {}]", shown))));
}

std::string usage_of(const Command& command) {
  std::string usage = "Usage: connbench " + command.name;
  for (const FlagGroup& group : command.groups)
    for (const Flag& flag : group.flags)
      if (!flag.name.starts_with('-')) usage += ' ' + flag.name;
  return usage + " [OPTIONS]\n";
}

// No line is broken between a flag and its value.
std::string with_values_kept(const std::string& command) {
  std::string kept = command;
  for (size_t flag = kept.find(" --"); flag != std::string::npos; flag = kept.find(" --", flag + 1)) {
    const size_t blank = kept.find(' ', flag + 1);
    if (blank != std::string::npos && kept.compare(blank, 3, " --") != 0) kept[blank] = unbreakable;
  }
  return kept;
}

void append_examples(std::string& text, const std::vector<Example>& examples) {
  if (examples.empty()) return;
  text += "\nExamples:\n";
  for (const Example& example : examples) {
    append_wrapped(text, example.purpose + ':', 2);
    const auto lines = lines_of(with_values_kept(example.command), width - 6, 2);
    text += fmt::format("    {}\n", joined(lines, " \\\n    "));
  }
}

}  // namespace

std::string default_of(const Flag& flag) {
  if (!flag.shown_default.empty()) return flag.shown_default;
  if (const auto* text = std::get_if<std::string*>(&flag.destination)) return **text;
  if (const auto* list = std::get_if<CommaList>(&flag.destination)) return joined(*list->values, ",");
  return "";
}

std::string help_of(const Command& command) {
  std::string text;
  append_wrapped(text, fmt::format("connbench {}: {}", command.name, command.summary), 0);
  text += '\n' + usage_of(command);
  for (const FlagGroup& group : command.groups) {
    text += fmt::format("\n{}:\n", group.title);
    for (const Flag& flag : group.flags) append_flag(text, flag);
  }
  append_row(text, "-h, --help", "Print this help.");
  for (const std::string& note : command.notes) {
    text += '\n';
    append_wrapped(text, note, 0);
  }
  append_examples(text, command.examples);
  return text;
}

std::string help_of_program(std::span<const Command> commands) {
  std::string text =
      "connbench: measures ways to open TCP connections\n\n"
      "Usage: connbench COMMAND [OPTIONS]\n\nCommands:\n";
  for (const Command& command : commands) append_row(text, command.name, command.summary, summary_column);
  text += "\nReports and verdicts (programs of their own, in Python):\n";
  for (const Companion& companion : companions())
    append_row(text, std::string(companion.name), std::string(companion.summary), summary_column);
  text += "\nOptions:\n";
  append_row(text, "-h, --help", "Print this help; connbench COMMAND --help explains a command.");
  append_row(text, "--version", "Print the version, the commit, the compiler and the libraries.");
  append_examples(text, {{"What this machine allows, and what will be skipped", "connbench doctor"},
                         {"Compare an event loop with a thread per attempt",
                          "connbench run --connector epoll,blocking-threads --concurrency 1,256"},
                         {"Watch one attempt packet by packet", "connbench trace --target lossy-syn:1"}});
  return text;
}

}  // namespace connbench
