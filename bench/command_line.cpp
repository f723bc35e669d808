#include "bench/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "harness/support/units.h"

namespace connbench {
namespace {

constexpr size_t shared_beginning = 3;  // letters that make "--output" mean --out

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

// A value may begin with one dash ("-5"); two dashes, or "-h", begin a flag.
bool is_flag(std::string_view word) {
  return word.starts_with("--") || word == "-h";
}

bool is_positional(const Flag& flag) {
  return !flag.name.starts_with('-');
}

std::string_view without_dashes(std::string_view name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
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

class Reader {
 public:
  explicit Reader(const Command& command) : command_(command), where_("connbench " + command.name) {
    for (const FlagGroup& group : command.groups)
      for (const Flag& flag : group.flags) (is_positional(flag) ? positionals_ : flags_).push_back(&flag);
  }

  void read(std::span<const std::string> words) {
    while (!words.empty()) {
      const std::string word = words.front();
      words = words.subspan(1);
      if (word.starts_with('-'))
        words = read_flag(word, words);
      else
        read_positional(word);
    }
    if (missing_positionals() > 0) {
      const Flag& missing = *positionals_[positionals_read_];
      throw std::invalid_argument(fmt::format("{} needs {}: {}", where_, missing.name, missing.help));
    }
    refuse_exclusions();
  }

 private:
  // Returns the words behind the flag and its values.
  std::span<const std::string> read_flag(const std::string& word, std::span<const std::string> words) {
    const size_t equals = word.find('=');
    const Flag& flag = find(word.substr(0, equals));
    const bool again = std::ranges::count(given_, &flag) > 0;
    given_.push_back(&flag);
    std::optional<std::string> attached;
    if (equals != std::string::npos) attached = word.substr(equals + 1);
    const auto value = [&] {
      if (attached) return *attached;
      if (words.empty() || is_flag(words.front()))
        throw std::invalid_argument(fmt::format("{} needs a value: {} {}", flag.name, flag.name, flag.value));
      const std::string first = words.front();
      words = words.subspan(1);
      return first;
    };
    const auto once = [&] {
      if (again) throw std::invalid_argument(fmt::format("{} is given twice", flag.name));
    };
    std::visit(
        Overloaded{[&](bool* on) {
                     if (attached) throw std::invalid_argument(fmt::format("{} takes no value", flag.name));
                     *on = true;
                   },
                   [&](std::string* text) { once(), *text = value(); },
                   [&](Repeated list) {
                     if (!again) list.values->clear();
                     list.values->push_back(value());
                   },
                   [&](CommaList list) {
                     if (!again) list.values->clear();
                     append(*list.values, value());
                     while (!attached && words.size() > missing_positionals() && !words.front().starts_with('-')) {
                       append(*list.values, words.front());
                       words = words.subspan(1);
                     }
                   }},
        flag.destination);
    return words;
  }

  static void append(std::vector<std::string>& values, const std::string& text) {
    std::ranges::move(split_list(text), std::back_inserter(values));
  }

  const Flag& find(const std::string& name) const {
    const auto found = std::ranges::find(flags_, name, &Flag::name);
    if (found != flags_.end()) return **found;
    std::vector<std::string> known{"--help"};
    for (const Flag* flag : flags_) known.push_back(flag->name);
    throw std::invalid_argument(unknown_option(name, known, where_));
  }

  size_t missing_positionals() const { return positionals_.size() - positionals_read_; }

  void read_positional(const std::string& word) {
    if (missing_positionals() == 0)
      throw std::invalid_argument(fmt::format("unexpected argument '{}'; see {} --help", word, where_));
    *std::get<std::string*>(positionals_[positionals_read_++]->destination) = word;
  }

  void refuse_exclusions() const {
    for (const Flag* flag : given_)
      for (const Flag* other : given_)
        if (std::ranges::count(flag->excludes, other->name) > 0)
          throw std::invalid_argument(fmt::format("{} and {} exclude each other", flag->name, other->name));
  }

  const Command& command_;
  std::string where_;
  std::vector<const Flag*> flags_;
  std::vector<const Flag*> positionals_;
  size_t positionals_read_ = 0;
  std::vector<const Flag*> given_;
};

}  // namespace

void read_flags(const Command& command, std::span<const std::string> words) {
  Reader(command).read(words);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
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
