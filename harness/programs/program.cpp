#include "harness/programs/program.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>

#include "harness/process/ask_in_child.h"
#include "harness/process/descendants.h"
#include "harness/programs/description_cache.h"
#include "harness/programs/program_process.h"
#include "harness/support/joined.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

namespace fs = std::filesystem;

constexpr Duration describe_limit = std::chrono::seconds(10);
constexpr const char* absent_suffix = ".absent";
constexpr size_t longest_description = 64 * 1024;

std::string with_last_words(std::string text, ProgramProcess& process) {
  if (const std::string words = process.last_words(); !words.empty()) text += ": " + words;
  return text;
}

// Everything that the program prints. In a child, which adopts what the program leaves behind.
std::string printed_description(const std::string& path) {
  adopt_orphans();
  ProgramProcess process({.path = path, .arguments = {"--describe"}, .unset = {}});
  process.execute();
  process.end_input();
  process.allow(longest_description);
  const TimePoint until = now() + describe_limit;
  std::string text;
  while (true) {
    const ProgramEvent event = process.next(until);
    if (event.kind == ProgramEvent::Kind::line) text += event.text + '\n';
    if (event.kind == ProgramEvent::Kind::flood) throw std::runtime_error("--describe printed more than 64 KiB");
    if (event.kind == ProgramEvent::Kind::nothing)
      throw std::runtime_error(with_last_words("--describe did not end within 10 s", process));
    if (event.kind == ProgramEvent::Kind::ended) {
      text += event.text;
      break;
    }
  }
  if (const int status = process.collect(); status != 0)
    throw std::runtime_error(with_last_words("--describe: " + how_it_ended(status), process));
  return text;
}

std::string description_text(const std::string& path) {
  try {
    std::string text = printed_description(path);
    end_children({});
    return text;
  } catch (...) {
    end_children({});
    throw;
  }
}

DescriptionAnswer read_answer(const ChildAnswer& answer) {
  if (!answer.ok) return {std::nullopt, answer.text};
  try {
    return {parse_description(answer.text), ""};
  } catch (const std::invalid_argument& error) {
    return {std::nullopt, error.what()};
  }
}

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

// Where this executable is: build/release/bin/connbench, or PREFIX/bin/connbench.
std::vector<fs::path> own_folders() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path bin = self.parent_path();
  return {bin / "programs", bin.parent_path() / "libexec/connbench/programs"};
}

// A deque: its elements stay where they are.
const ConnectorProgram& program_of(const std::string& name, const fs::path& path, const std::string& why_absent = "") {
  static std::deque<ConnectorProgram> known;
  const auto found = std::ranges::find(known, name, [](const ConnectorProgram& one) { return one.entry().name; });
  return found != known.end() ? *found : known.emplace_back(name, path, why_absent);
}

}  // namespace

ConnectorProgram::ConnectorProgram(std::string name, fs::path path, std::string why_absent)
    : name_(std::move(name)),
      path_(path.string()),
      absent_(!why_absent.empty()),
      entry_{.name = name_,
             .summary = "",
             .options = {},
             .probe = nullptr,
             .make = nullptr,
             .group = program_group,
             .program = this} {
  if (absent_) answer_ = {std::nullopt, std::move(why_absent)};
}

const DescriptionAnswer& ConnectorProgram::answer() const {
  if (!answer_) keep(describe(path_));
  return *answer_;
}

void ConnectorProgram::keep(DescriptionAnswer answer) const {
  answer_ = std::move(answer);
  if (!answer_->description) return;
  entry_.summary = answer_->description->summary;
  entry_.families = answer_->description->families;
}

const ProgramDescription& ConnectorProgram::description() const {
  static const ProgramDescription nothing{};
  return answer().description ? *answer().description : nothing;
}

DescriptionAnswer describe(const std::string& path) {
  return read_answer(ask_in_child([&] { return description_text(path); }));
}

void describe_all(std::span<const ConnectorProgram* const> programs) {
  constexpr size_t at_a_time = 4;
  DescriptionCache cache;
  std::deque<std::pair<const ConnectorProgram*, AskedChild>> asked;
  const auto collect_first = [&] {
    auto& [program, child] = asked.front();
    pollfd readable{child.fd(), POLLIN, 0};
    while (child.read_on()) ::poll(&readable, 1, -1);
    const ChildAnswer answer = child.answer();
    program->keep(read_answer(answer));
    if (program->answer().description) cache.keep(program->path(), answer.text);
    asked.pop_front();
  };
  const auto collect_all = [&] {
    while (!asked.empty()) collect_first();
  };
  const auto ask = [&](const ConnectorProgram* program) {
    asked.emplace_back(std::piecewise_construct, std::forward_as_tuple(program),
                       std::forward_as_tuple([program] { return description_text(program->path()); }));
  };
  for (const ConnectorProgram* program : programs) {
    if (program->was_asked()) continue;
    if (const auto text = cache.find(program->path()))
      if (DescriptionAnswer known = read_answer({true, *text}); known.description) {
        program->keep(std::move(known));
        continue;
      }
    if (asked.size() == at_a_time) collect_first();
    try {
      ask(program);
    } catch (const std::system_error&) {  // perhaps there are descriptors for one, and not for some at a time
      collect_all();
      try {
        ask(program);
      } catch (const std::system_error& error) {
        program->keep({std::nullopt, fmt::format("cannot be asked: {}", error.what())});
      }
    }
  }
  collect_all();
  cache.save();
}

std::vector<fs::path> program_folders() {
  std::vector<fs::path> folders;
  const char* given = std::getenv("CONNBENCH_PROGRAMS");
  for (std::string_view rest = given == nullptr ? "" : given; !rest.empty();) {
    const size_t colon = std::min(rest.find(':'), rest.size());
    if (colon > 0) folders.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  std::ranges::move(own_folders(), std::back_inserter(folders));
  return folders;
}

const ConnectorProgram* find_program(std::string_view name) {
  const std::string text(name);
  if (name.find('/') != std::string_view::npos) return &program_of(text, text);
  if (name.empty() || name.front() == '.') return nullptr;
  for (const fs::path& folder : program_folders())
    if (const fs::path path = folder / text; is_program(path)) return &program_of(text, path);
  for (const fs::path& folder : program_folders())
    if (const auto why = read_text((folder / text).string() + absent_suffix); why && !why->empty())
      return &program_of(text, folder / text, *why);
  return nullptr;
}

std::vector<const ConnectorProgram*> all_programs() {
  std::vector<std::string> names;
  for (const fs::path& folder : program_folders()) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
      if (is_program(entry->path()))
        names.push_back(entry->path().filename().string());
      else if (entry->path().extension() == absent_suffix)
        names.push_back(entry->path().stem().string());
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<const ConnectorProgram*> programs;
  for (const std::string& name : names)
    if (const ConnectorProgram* program = find_program(name)) programs.push_back(program);
  return programs;
}

std::optional<std::string> why_program_cannot(const ProgramDescription& program, const ConnectionPolicy& policy) {
  if (std::ranges::count(program.close, policy.close) == 0)
    return fmt::format("it does not close connections by '{}', only by {}", to_string(policy.close),
                       joined(program.close, ", ", [](CloseMode mode) { return to_string(mode); }));
  if (policy.may_self_connect)
    return "a program cannot tell a connection from one to itself, which this port allows: choose a port outside "
           "net.ipv4.ip_local_port_range";
  return std::nullopt;
}

}  // namespace connbench
