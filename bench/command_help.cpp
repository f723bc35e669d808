#include "bench/command_help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "harness/support/wrapped.h"

namespace connbench {
namespace {

constexpr size_t width = 80;
constexpr size_t help_column = 29;  // where the explanation of a flag begins

void append_wrapped(std::string& text, const std::string& paragraph, size_t indent) {
  for (const std::string& line : wrapped(paragraph, width - indent)) text += std::string(indent, ' ') + line + '\n';
}

// The head on the left, the explanation on the right; below the head when that is too long.
void append_row(std::string& text, const std::string& head, const std::string& explanation) {
  std::string right;
  append_wrapped(right, explanation, help_column);
  const std::string left = "  " + head;
  if (left.size() + 2 <= help_column)
    text += left + right.substr(left.size());
  else
    text += left + '\n' + right;
}

std::string default_of(const Flag& flag) {
  if (!flag.shown_default.empty()) return flag.shown_default;
  if (const auto* text = std::get_if<std::string*>(&flag.destination)) return **text;
  if (const auto* list = std::get_if<CommaList>(&flag.destination))
    return fmt::format("{}", fmt::join(*list->values, ","));
  return "";
}

void append_flag(std::string& text, const Flag& flag) {
  const std::string shown = default_of(flag);
  append_row(text, flag.value.empty() ? flag.name : flag.name + ' ' + flag.value,
             shown.empty() ? flag.help : fmt::format("{} [default: {}]", flag.help, shown));
}

std::string usage_of(const Command& command) {
  std::string usage = "Usage: connbench " + command.name;
  for (const FlagGroup& group : command.groups)
    for (const Flag& flag : group.flags)
      if (!flag.name.starts_with('-')) usage += ' ' + flag.name;
  return usage + " [OPTIONS]\n";
}

void append_examples(std::string& text, const std::vector<Example>& examples) {
  if (examples.empty()) return;
  text += "\nExamples:\n";
  for (const Example& example : examples) {
    append_wrapped(text, example.purpose + ':', 2);
    std::vector<std::string> lines = wrapped(example.command, width - 6, 2);
    text += fmt::format("    {}\n", fmt::join(lines, " \\\n    "));
  }
}

}  // namespace

std::string help_of(const Command& command) {
  std::string text = fmt::format("connbench {}: {}\n\n{}", command.name, command.summary, usage_of(command));
  for (const FlagGroup& group : command.groups) {
    text += fmt::format("\n{}:\n", group.title);
    for (const Flag& flag : group.flags) append_flag(text, flag);
  }
  if (command.groups.empty()) text += '\n';
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
  for (const Command& command : commands) append_row(text, command.name, command.summary);
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
