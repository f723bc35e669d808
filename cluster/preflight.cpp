#include "cluster/preflight.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <stdexcept>

#include "cluster/launcher.h"

namespace connbench::cluster {
namespace {

constexpr Duration patience = std::chrono::seconds(15);
constexpr Duration look_interval = std::chrono::milliseconds(100);

std::string last_line(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty() && (rest.back() == '\n' || rest.back() == '\r' || rest.back() == ' ')) rest.remove_suffix(1);
  return std::string(rest.substr(rest.rfind('\n') + 1));
}

// A name for a shell.
std::string quoted(const std::string& text) {
  std::string shell = "'";
  for (const char c : text) shell += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return shell + "'";
}

std::vector<std::string> command_for(const HostName& host, const Reach& reach) {
  const std::string program = reach.folder + "/connbench";
  if (is_this_machine(host.name)) return {program, "cluster-worker", "--describe", "--name", host.name};
  std::vector<std::string> command = words_of(reach.agent);
  command.push_back(host.name);
  // Without connbench-mpi on one host, mpirun would wait for ever.
  command.push_back(
      fmt::format("test -x {0} || {{ echo {0} is not there >&2; exit 127; }}; exec {1} cluster-worker "
                  "--describe --name {2}",
                  quoted(reach.folder + "/connbench-mpi"), quoted(program), quoted(host.name)));
  return command;
}

class Question {
 public:
  Question(const HostName& host, const Reach& reach) : asked_(command_for(host, reach)), examined_{host} {}

  int fd() { return over_ ? -1 : asked_.stream().fd(); }
  bool over() const noexcept { return over_; }
  void read_on() {
    try {
      const bool more = asked_.stream().read_on();
      if (const auto frame = asked_.stream().next()) {
        examined_.hello = from_wire(frame->payload);
        over_ = true;
      } else if (!more) {
        const std::string end = asked_.end(Duration{});
        const std::string words = last_line(asked_.log());
        give_up(words.empty() ? fmt::format("its program {}", end) : words);
      }
    } catch (const std::exception&) {
      give_up("what came from there is not of connbench: does its shell print something at the start?");
    }
  }
  void give_up(std::string why) {
    examined_.why_not = std::move(why);
    over_ = true;
  }
  Examined take() { return std::move(examined_); }

 private:
  Launcher asked_;
  Examined examined_;
  bool over_ = false;
};

}  // namespace

std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> words;
  char quote = 0;
  bool in_word = false;
  for (const char c : command) {
    if (quote != 0 ? c == quote : c == '\'' || c == '"') {
      quote = quote != 0 ? '\0' : c;
      if (!in_word) words.emplace_back();
      in_word = true;
    } else if (quote == 0 && c == ' ') {
      in_word = false;
    } else {
      if (!in_word) words.emplace_back();
      in_word = true;
      words.back() += c;
    }
  }
  if (quote != 0) throw std::invalid_argument(fmt::format("'{}' has an unfinished quote", command));
  if (words.empty()) throw std::invalid_argument("it has no command");
  return words;
}

std::vector<Examined> examine(const std::vector<HostName>& hosts, const Reach& reach,
                              const std::function<bool()>& should_stop) {
  std::vector<std::unique_ptr<Question>> questions;
  for (const HostName& host : hosts) questions.push_back(std::make_unique<Question>(host, reach));
  const TimePoint deadline = now() + patience;
  while (std::ranges::any_of(questions, [](const auto& question) { return !question->over(); })) {
    if (now() > deadline || should_stop()) break;
    std::vector<pollfd> readable;
    for (const auto& question : questions) readable.push_back({question->fd(), POLLIN, 0});
    const timespec interval = to_timespec(look_interval);
    if (::ppoll(readable.data(), readable.size(), &interval, nullptr) <= 0) continue;
    for (size_t i = 0; i < questions.size(); ++i)
      if (readable[i].revents != 0) questions[i]->read_on();
  }
  std::vector<Examined> examined;
  for (const auto& question : questions) {
    if (!question->over()) question->give_up("no answer in 15 s");
    examined.push_back(question->take());
  }
  return examined;
}

std::string why_not(const Examined& host, const std::string& version) {
  if (!host.why_not.empty()) return fmt::format("{}: {}", host.host.name, host.why_not);
  const std::string there = host.hello.value("version", std::string("unknown"));
  if (there == version) return "";
  return fmt::format("{} has connbench {}, and this is {}: install the same on every host", host.host.name, there,
                     version);
}

std::string why_not_all(const std::vector<Examined>& hosts, const std::string& version) {
  for (const Examined& host : hosts)
    if (std::string why = why_not(host, version); !why.empty()) return why;
  return "";
}

}  // namespace connbench::cluster
