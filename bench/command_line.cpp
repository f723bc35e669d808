#include "bench/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "harness/support/joined.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

constexpr size_t shared_beginning = 3;  // letters that make "--output" mean --out

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;  // clang before 17 does not deduce it

// A value may begin with one dash ("-5"); two dashes, or "-h", begin a flag.
bool is_flag(std::string_view word) {
  return word.starts_with("--") || word == "-h";
}

bool is_list(const Flag& flag) {
  return std::holds_alternative<CommaList>(flag.destination);
}

std::string_view without_dashes(std::string_view name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

std::string_view without_blanks_around(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

size_t common_beginning(std::string_view a, std::string_view b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

std::string nearest_flag(std::string_view given, const std::vector<std::string>& known) {
  std::vector<std::string_view> names;
  for (const std::string& name : known) names.push_back(without_dashes(name));
  const std::string_view wanted = without_dashes(given);
  if (const std::string nearest = nearest_name(wanted, names); !nearest.empty()) return "--" + nearest;
  const auto nearness = [wanted](std::string_view name) { return common_beginning(wanted, name); };
  const auto best = std::ranges::max_element(names, {}, nearness);
  if (best == names.end() || nearness(*best) < shared_beginning) return "";
  return "--" + std::string(*best);
}

// Behind this character, CLI11 does not see brackets.
constexpr char shield = '\x01';

std::string shielded(const std::string& word) {
  return word.starts_with('[') || word.starts_with(shield) ? shield + word : word;
}

std::vector<std::string> as_given(std::vector<std::string> words) {
  for (std::string& word : words)
    if (word.starts_with(shield)) word.erase(0, 1);
  return words;
}

class Reader {
 public:
  explicit Reader(const Command& command) : where_("connbench " + command.name), usual_flag_(command.usual_flag) {
    app_.set_help_flag();  // command_help.h writes the help
    app_.allow_extras();   // refuse_unknown_words() names the nearest flag
    for (const FlagGroup& group : command.groups)
      for (const Flag& flag : group.flags) options_.emplace_back(&flag, add(flag));
  }

  void read(std::span<const std::string> words) {
    std::vector<std::string> prepared = prepare(words);
    std::ranges::reverse(prepared);  // the order in which CLI11 wants them
    try {
      app_.parse(std::move(prepared));
    } catch (const CLI::RequiredError&) {
      // refuse_missing_positionals() explains it, unless an unknown word is the cause
    }
    refuse_unknown_words();
    for (const auto& [flag, option] : options_)
      if (option->count() > 0) store(*flag, as_given(option->results()));
    refuse_missing_positionals();
    refuse_exclusions();
  }

 private:
  CLI::Option* add(const Flag& flag) {
    constexpr int many = 1 << 20;  // above 2^25, CLI11 takes only one word at a time
    CLI::Option* option = is_switch(flag) ? app_.add_flag(flag.name) : app_.add_option(flag.name);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (is_list(flag)) option->expected(1, many);
    if (is_positional(flag)) option->required();
    return option;
  }

  // Four things that CLI11 reads differently: it takes the next flag as a missing value, the next word as the empty
  // value of "--flag=", the words after "--list=a" as more of the list, which "--" ends, and (from 2.6) a value in
  // brackets, such as [::1], as a list of its own.
  std::vector<std::string> prepare(std::span<const std::string> words) const {
    std::vector<std::string> prepared;
    for (; !words.empty(); words = words.subspan(1)) {
      const std::string& word = words.front();
      const size_t equals = word.find('=');
      const bool attached = equals != std::string::npos;
      prepared.push_back(word.substr(0, equals));
      const Flag* flag = find(prepared.back());
      if (flag == nullptr) {
        prepared.back() = shielded(word);
      } else if (is_switch(*flag)) {
        if (attached) throw std::invalid_argument(fmt::format("{} takes no value", flag->name));
      } else if (attached) {
        prepared.push_back(shielded(word.substr(equals + 1)));
        if (is_list(*flag)) prepared.emplace_back("--");
      } else if (words.size() == 1 || is_flag(words[1])) {
        throw std::invalid_argument(fmt::format("{} needs a value: {} {}", flag->name, flag->name, flag->value));
      }
    }
    return prepared;
  }

  const Flag* find(const std::string& name) const {
    for (const auto& [flag, option] : options_)
      if (flag->name == name && !is_positional(*flag)) return flag;
    return nullptr;
  }

  void refuse_unknown_words() const {
    const std::vector<std::string> unknown = as_given(app_.remaining());
    if (unknown.empty()) return;
    const std::string& word = unknown.front();
    if (!word.starts_with('-'))
      throw std::invalid_argument(
          usual_flag_.empty() ? fmt::format("unexpected argument '{}'; see {} --help", word, where_)
                              : fmt::format("unexpected argument '{}'; did you mean {} {}?", word, usual_flag_, word));
    std::vector<std::string> known{"--help"};
    for (const auto& [flag, option] : options_)
      if (!is_positional(*flag)) known.push_back(flag->name);
    throw std::invalid_argument(unknown_option(word.substr(0, word.find('=')), known, where_));
  }

  // An empty value is a mistake, such as a variable of a script that is not set. It must not mean the default.
  static void refuse_empty(const Flag& flag, const std::vector<std::string>& values) {
    if (std::ranges::none_of(values, &std::string::empty)) return;
    throw std::invalid_argument(values.size() == 1
                                    ? fmt::format("{} needs a value: {} {}", flag.name, flag.name, flag.value)
                                    : fmt::format("{}: a value in '{}' is empty", flag.name, joined(values, ",")));
  }

  static void store(const Flag& flag, const std::vector<std::string>& values) {
    const auto store_text = [&](std::string* text) {
      if (values.size() > 1) throw std::invalid_argument(fmt::format("{} is given twice", flag.name));
      refuse_empty(flag, values);
      *text = values.front();
    };
    const auto store_list = [&](CommaList list) {  // CLI11's delimiter would drop what is empty between two commas
      list.values->clear();
      for (const std::string& value : values) std::ranges::move(split_list(value), std::back_inserter(*list.values));
      refuse_empty(flag, *list.values);
    };
    const auto store_each = [&](Repeated list) {
      for (const std::string& value : values) refuse_empty(flag, {value});
      *list.values = values;
    };
    std::visit(Overloaded{[](bool* on) { *on = true; }, store_text, store_list, store_each}, flag.destination);
  }

  void refuse_missing_positionals() const {
    for (const auto& [flag, option] : options_)
      if (is_positional(*flag) && option->count() == 0)
        throw std::invalid_argument(fmt::format("{} needs {}: {}", where_, flag->name, flag->help));
  }

  // Not with CLI::Option::excludes(), whose error names the two in the order of their declaration.
  void refuse_exclusions() const {
    for (const auto& [flag, option] : options_)
      for (const std::string& excluded : flag->excludes)
        if (option->count() > 0 && app_.count(excluded) > 0)
          throw std::invalid_argument(fmt::format("{} and {} exclude each other", flag->name, excluded));
  }

  CLI::App app_;
  std::string where_;
  std::string usual_flag_;
  std::vector<std::pair<const Flag*, const CLI::Option*>> options_;
};

}  // namespace

bool is_positional(const Flag& flag) {
  return !flag.name.starts_with('-');
}

bool is_switch(const Flag& flag) {
  return std::holds_alternative<bool*>(flag.destination);
}

void read_flags(const Command& command, std::span<const std::string> words) {
  Reader(command).read(words);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.emplace_back(without_blanks_around(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

bool asks_for_help(std::span<const std::string> words) {
  return std::ranges::any_of(words, [](const std::string& word) { return word == "--help" || word == "-h"; });
}

std::string unknown_option(const std::string& given, const std::vector<std::string>& known, const std::string& where) {
  const std::string nearest = nearest_flag(given, known);
  return nearest.empty() ? fmt::format("unknown option {}; see {} --help", given, where)
                         : fmt::format("unknown option {}; did you mean {}?", given, nearest);
}

}  // namespace connbench
