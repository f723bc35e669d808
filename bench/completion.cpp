#include "bench/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "bench/companions.h"
#include "bench/inventory.h"
#include "bench/selection.h"
#include "harness/connector/options.h"

namespace connbench {
namespace {

using Candidates = std::vector<Candidate>;

bool is_flag_word(std::string_view word) {
  return word.starts_with('-');
}

// "What to connect to; connbench list shows all." → "What to connect to".
std::string first_clause(std::string_view text) {
  for (const std::string_view end : {". ", "; ", ": "}) text = text.substr(0, text.find(end));
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text);
}

void append(Candidates& candidates, Candidates more) {
  std::ranges::move(more, std::back_inserter(candidates));
}

const Flag* find_flag(const Command& command, std::string_view name) {
  for (const FlagGroup& group : command.groups)
    for (const Flag& flag : group.flags)
      if (flag.name == name && !is_positional(flag)) return &flag;
  return nullptr;
}

// The options of a connector; of a group or a glob, those of all its members.
std::vector<OptionSpec> options_behind(std::string_view base) try {
  std::vector<OptionSpec> specs;
  for (const NamedConnector& connector : select_connectors({std::string(base)}))
    for (const OptionSpec& spec : options_of(*connector.entry))
      if (std::ranges::count(specs, spec.name, &OptionSpec::name) == 0) specs.push_back(spec);
  return specs;
} catch (const std::invalid_argument&) {
  return {};  // there is none of that name
}

// `item` ends with an option that is being typed: "epoll+wait:pw", "epoll+de", "epoll+".
Candidates options_in(const std::string& item) {
  const size_t plus = item.rfind('+');
  const std::string head = item.substr(0, plus + 1);
  const size_t colon = item.find(':', plus);
  const std::string name = item.substr(plus + 1, colon == std::string::npos ? colon : colon - plus - 1);
  Candidates candidates;
  for (const OptionSpec& spec : options_behind(base_name(item))) {
    if (colon == std::string::npos) {
      candidates.push_back({fmt::format("{}{}:", head, spec.name), std::string(spec.help)});
    } else if (spec.name == name) {
      for (const std::string_view value : values_of(spec.choices))
        candidates.push_back({fmt::format("{}{}:{}", head, name, value), ""});
      if (spec.choices.empty() && !spec.default_value.empty())
        candidates.push_back({fmt::format("{}{}:{}", head, name, spec.default_value), "the default"});
    }
  }
  return candidates;
}

Candidates connectors(const std::string& item) {
  if (item.size() > base_name(item).size()) return options_in(item);
  Candidates candidates;
  bool exact = false;
  for (const ConnectorEntry* entry : every_connector()) {
    candidates.push_back({std::string(entry->name), std::string(entry->summary)});
    exact |= entry->name == item;
  }
  for (const std::string_view group : connector_groups())
    candidates.push_back({std::string(group), "all connectors of this group"});
  candidates.push_back({"all", "all connectors"});
  if (exact) append(candidates, options_in(item + '+'));
  return candidates;
}

// A parameter is offered where the name is complete: as an example of how it is written.
Candidates targets(const std::string& item) {
  Candidates candidates;
  for (const TargetEntry* entry : all_target_entries()) {
    if (network_of(*entry) == "outside") continue;  // its name stands for those of hosts
    const std::string name(entry->name);
    candidates.push_back({name, std::string(entry->summary)});
    if (item.starts_with(name) && !entry->default_value.empty())
      candidates.push_back({fmt::format("{}:{}", name, entry->default_value), "the default"});
  }
  return candidates;
}

Candidates shares(const std::string& item) {
  Candidates candidates;
  for (const Candidate& target : targets(item)) candidates.push_back({target.word + '=', target.explains});
  return candidates;
}

Candidates words_of(const Flag& flag) {
  Candidates candidates;
  for (const std::string& choice : flag.choices) candidates.push_back({choice, ""});
  return candidates;
}

Candidates values(const Flag& flag, const std::string& item) {
  switch (flag.completes) {
    case Completes::connectors:
      return connectors(item);
    case Completes::targets:
      return targets(item);
    case Completes::shares:
      return shares(item);
    case Completes::nothing:
    case Completes::files:
      break;
  }
  return words_of(flag);
}

// Completes the last item of a list, after `before`, which is kept.
Completions of_value(const Flag& flag, std::string before, const std::string& text) {
  const bool is_list = std::holds_alternative<CommaList>(flag.destination) || flag.completes == Completes::shares;
  const size_t comma = is_list ? text.rfind(',') : std::string::npos;
  const std::string item = comma == std::string::npos ? text : text.substr(comma + 1);
  const bool has_slash = item.find('/') != std::string::npos;
  const bool is_path = flag.completes == Completes::connectors && comma == std::string::npos && has_slash;  // a program
  if (flag.completes == Completes::files || is_path) return {.files = true};
  before += text.substr(0, text.size() - item.size());
  Completions completions{.candidates = values(flag, item)};
  for (Candidate& candidate : completions.candidates) candidate.word.insert(0, before);
  return completions;
}

// Where the words before the one that is typed lead.
struct Position {
  const Flag* flag = nullptr;  // whose value is typed; nullptr = none's
  bool needs_value = false;    // it has none yet
  size_t positionals = 0;      // that are given
  std::vector<const Flag*> given{};
};

Position follow(const Command& command, std::span<const std::string> words) {
  Position position;
  for (const std::string& word : words) {
    if (is_flag_word(word)) {
      const size_t equals = word.find('=');
      const Flag* flag = find_flag(command, word.substr(0, equals));
      position.needs_value = flag != nullptr && !is_switch(*flag) && equals == std::string::npos;
      position.flag = position.needs_value ? flag : nullptr;
      if (flag != nullptr) position.given.push_back(flag);
    } else if (position.flag != nullptr) {
      position.needs_value = false;
      if (!std::holds_alternative<CommaList>(position.flag->destination)) position.flag = nullptr;
    } else {
      ++position.positionals;
    }
  }
  return position;
}

bool excludes(const Flag& flag, const std::string& name) {
  return std::ranges::count(flag.excludes, name) > 0;
}

bool may_follow(const Flag& flag, const Position& position) {
  const bool again = std::holds_alternative<Repeated>(flag.destination);
  return std::ranges::none_of(position.given, [&](const Flag* given) {
    return (given->name == flag.name && !again) || excludes(*given, flag.name) || excludes(flag, given->name);
  });
}

Candidates flags(const Command& command, const Position& position) {
  Candidates candidates;
  for (const FlagGroup& group : command.groups)
    for (const Flag& flag : group.flags)
      if (!is_positional(flag) && may_follow(flag, position)) candidates.push_back({flag.name, flag.help});
  candidates.push_back({"--help", "Print this help"});
  return candidates;
}

Completions positionals(const Command& command, const Position& position, const std::string& word) {
  size_t behind = position.positionals;
  for (const FlagGroup& group : command.groups)
    for (const Flag& flag : group.flags)
      if (is_positional(flag) && behind-- == 0) return of_value(flag, "", word);
  return {};
}

Completions of_command(const Command& command, std::span<const std::string> before, const std::string& word) {
  const Position position = follow(command, before);
  if (position.needs_value) return of_value(*position.flag, "", word);
  const size_t equals = word.find('=');
  if (is_flag_word(word) && equals != std::string::npos) {
    const Flag* flag = find_flag(command, word.substr(0, equals));
    return flag == nullptr ? Completions{} : of_value(*flag, word.substr(0, equals + 1), word.substr(equals + 1));
  }
  if (is_flag_word(word)) return {.candidates = flags(command, position)};
  if (position.flag != nullptr && !word.empty()) return of_value(*position.flag, "", word);
  Completions completions = positionals(command, position, word);
  if (word.empty() && !completions.files) append(completions.candidates, flags(command, position));
  return completions;
}

Candidates names_of_commands(std::span<const Command> commands) {
  Candidates candidates;
  for (const Command& command : commands) candidates.push_back({command.name, command.summary});
  for (const Companion& companion : companions())
    candidates.push_back({std::string(companion.name), std::string(companion.summary)});
  return candidates;
}

Candidates first_words(std::span<const Command> commands) {
  Candidates candidates = names_of_commands(commands);
  append(candidates,
         {{"help", "explains a command"}, {"--help", "Print this help"}, {"--version", "Print the version"}});
  return candidates;
}

// A program of scripts/ does not know connectors and targets. nullopt: neither is asked for.
std::optional<Completions> of_companion(const std::string& flag, const std::string& word) {
  std::vector<std::string> ignored;
  Flag list{.name = flag, .value = "", .destination = CommaList{&ignored}, .help = ""};
  if (flag != "--connector" && flag != "--target") return std::nullopt;
  list.completes = flag == "--connector" ? Completes::connectors : Completes::targets;
  return of_value(list, "", word);
}

Completions only_beginning_with(const std::string& word, Completions completions) {
  std::erase_if(completions.candidates, [&](const Candidate& candidate) { return !candidate.word.starts_with(word); });
  return completions;
}

}  // namespace

std::optional<Completions> complete(std::span<const Command> commands, std::span<const std::string> words) {
  if (words.empty()) return Completions{};
  const std::string& word = words.back();
  const std::span before = words.first(words.size() - 1);
  if (before.empty()) return only_beginning_with(word, {.candidates = first_words(commands)});
  if (before.front() == "help") return only_beginning_with(word, {.candidates = names_of_commands(commands)});
  if (find_companion(before.front()) != nullptr) {
    const auto completions = of_companion(before.back(), word);
    return completions ? std::optional(only_beginning_with(word, *completions)) : std::nullopt;
  }
  const auto command = std::ranges::find(commands, before.front(), &Command::name);
  if (command == commands.end()) return Completions{};
  return only_beginning_with(word, of_command(*command, before.subspan(1), word));
}

std::string text_of(const Completions& completions) {
  std::string text = completions.files ? "files\n" : "words\n";
  for (const Candidate& candidate : completions.candidates)
    text += fmt::format("{}\t{}\n", candidate.word, first_clause(candidate.explains));
  return text;
}

}  // namespace connbench
