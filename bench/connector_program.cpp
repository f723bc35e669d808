// main() of a program that is one connector of C++: it speaks the protocol of docs/programs.md and makes the attempts
// with the drive loop of the harness. The program's table of connectors has that one row.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/process/descriptor_table.h"
#include "harness/wave/runner.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

std::atomic<bool> stop{false};

Endpoint endpoint_of(const Json& address) {
  if (address.contains("unix")) {
    const auto name = address["unix"].get<std::string>();
    return name.starts_with('@') ? Endpoint::abstract_unix(name.substr(1)) : Endpoint::unix_path(name);
  }
  const auto ip = address["ip"].get<std::string>();
  const auto port = address["port"].get<uint16_t>();
  const std::string host = ip.substr(0, ip.find('%'));
  if (in_addr v4{}; ::inet_pton(AF_INET, host.c_str(), &v4) == 1) return Endpoint::ipv4(ntohl(v4.s_addr), port);
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) throw std::invalid_argument("not an address: " + ip);
  return Endpoint::ipv6(v6, port, host == ip ? 0 : ::if_nametoindex(ip.substr(host.size() + 1).c_str()));
}

std::vector<Endpoint> addresses_of(const Json& host, bool all) {
  std::vector<Endpoint> addresses{endpoint_of(host.at(0))};
  for (size_t i = 1; all && i < host.size(); ++i) addresses.push_back(endpoint_of(host[i]));
  return addresses;
}

class Schedule final : public Pacing {
 public:
  explicit Schedule(std::vector<int64_t> due) : due_(std::move(due)) {}
  bool open_loop() const noexcept override { return !due_.empty(); }
  Duration next_due() override { return Duration(due_.empty() ? 0 : due_[next_++]); }

 private:
  std::vector<int64_t> due_;
  size_t next_ = 0;
};

const ConnectorEntry& connector() {
  return *all_connectors().front();
}

// One run of the drive loop, from the JSON of a wave or of its warm-up.
class Wave {
 public:
  explicit Wave(const Json& wave)
      : samples_(wave.at("attempts").get<size_t>()),
        in_flight_(wave.at("in_flight").get<size_t>()),
        timeout_(wave.at("timeout_ns").get<int64_t>()),
        gap_(wave.value("gap_ns", int64_t{0})),
        pacing_(wave.value("schedule_ns", std::vector<int64_t>())),
        retirement_({.close = parse_close_mode(wave.at("close").get<std::string>())}, samples_.size()),
        made_(connector().make({Options("", connector().options), in_flight_, retirement_})) {
    const bool all = made_->capabilities().uses_all_endpoints;
    for (const Json& host : wave.at("hosts")) hosts_.push_back(addresses_of(host, all));
    // Hosts may have different numbers of addresses, so each attempt brings its own.
    const Json routes = wave.value("route", Json::array());
    for (size_t i = 0; i < samples_.size(); ++i)
      routes_.push_back(hosts_.at(routes.empty() ? i % hosts_.size() : routes.at(i).get<size_t>()));
  }

  void run(TimePoint begin) {
    constexpr Duration no_limit = std::chrono::hours(24 * 365);  // the harness says when it is over
    drive(*made_,
          {.load = {.endpoints = hosts_.front(), .routes = routes_, .limit = no_limit, .gap = gap_},
           .concurrency = in_flight_,
           .timeout = timeout_,
           .pacing = &pacing_,
           .begin = begin,
           .stop = &stop},
          samples_);
  }

  const std::vector<Sample>& samples() const { return samples_; }

 private:
  std::vector<Sample> samples_;
  size_t in_flight_;
  Duration timeout_, gap_;
  Schedule pacing_;
  std::vector<std::vector<Endpoint>> hosts_;
  std::vector<std::span<const Endpoint>> routes_;
  Retirement retirement_;
  std::unique_ptr<Connector> made_;
};

std::string record(size_t id, const Sample& sample) {
  if (sample.state != Sample::State::done || sample.outcome == Outcome::never_started)
    return fmt::format("{} 0 0 cancelled", id);
  const char* error = sample.os_error != 0 ? ::strerrorname_np(sample.os_error) : nullptr;
  const std::string_view outcome = sample.outcome == Outcome::deadline_exceeded ? "timeout"
                                   : sample.outcome == Outcome::connected || sample.outcome == Outcome::cancelled
                                       ? to_string(sample.outcome)
                                   : error != nullptr ? error
                                                      : "other:unknown";
  return fmt::format("{} {} {} {} {}", id, sample.started_ns, sample.finished_ns, outcome, to_string(sample.stage));
}

void say(const std::string& line) {
  std::cout << line << std::endl;  // with a flush
}

// No thread waits for `stop`: a second thread would make every system call on a descriptor more expensive. The signal
// for a line may come after that line was read, so it only counts while there is one to be read.
void watch_stdin() {
  ::signal(SIGIO, [](int) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, 0) == 1) stop = true;
  });
  ::fcntl(STDIN_FILENO, F_SETOWN, ::getpid());
  ::fcntl(STDIN_FILENO, F_SETFL, ::fcntl(STDIN_FILENO, F_GETFL) | O_ASYNC);
}

void run_wave() {
  std::string line;
  std::getline(std::cin, line);
  const Json read = Json::parse(line);
  grow_descriptor_table(read.at("in_flight").get<size_t>() + descriptors_of_the_harness);
  if (read.contains("warm_up")) Wave(read["warm_up"]).run(now());
  Wave wave(read);
  watch_stdin();
  say(R"(ready {"clock_error_ns": 0})");
  std::getline(std::cin, line);
  stop = false;  // it was not set by `stop`, but by the line that was read now
  wave.run(TimePoint(Duration(std::stoll(line.substr(line.find(' '))))));
  say("done");
  std::getline(std::cin, line);
  size_t id = 0;
  for (const Sample& sample : wave.samples()) std::cout << record(id++, sample) << '\n';
  say("end");
}

std::string word(std::string_view text) {
  std::string one(text);
  std::ranges::replace(one, ' ', '_');
  return one;
}

Json libraries() {
  if (connector().library == nullptr) return Json::array();
  const Library library = connector().library();
  return {{{"name", library.name}, {"version", library.version}}};
}

void describe() {
  Retirement retirement({}, 0);
  const ConnectorSettings settings{Options("", connector().options), 1, retirement};
  if (const auto reason = connector().probe(settings)) throw std::runtime_error(*reason);
  const Capabilities is = connector().make(settings)->capabilities();
  Json families = Json::array();
  for (const Family family : connector().families) families.push_back(to_string(family));
  const Json description = {{"protocol", 1},
                            {"name", connector().name},
                            {"summary", connector().summary},
                            {"language", "C++"},
                            {"version", fmt::format("{}", __cplusplus)},
                            {"libraries", libraries()},
                            {"families", families},
                            {"threads", word(to_string(is.threads))},
                            {"pool_threads", is.pool_threads},
                            {"deadline_by", word(to_string(is.deadline_by))},
                            {"granularity_ns", is.granularity.count()},
                            {"floor_ns", is.floor.count()},
                            {"early_ns", is.early.count()},
                            {"max_in_flight", is.max_in_flight},
                            {"cancellable", is.cancellable},
                            {"uses_all_addresses", is.uses_all_endpoints},
                            {"close", {"rst", "fin", "hold"}},
                            {"gap", true},
                            {"steered_by", connector().steered_by}};
  say(description.dump());
}

}  // namespace
}  // namespace connbench

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  try {
    if (argc > 1 && std::string_view(argv[1]) == "--describe")
      connbench::describe();
    else
      connbench::run_wave();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
