#include "harness/wave/program_text.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <string.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>

#include "harness/programs/description.h"
#include "harness/programs/program_process.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t warm_up_attempts = 256;  // as for linked connectors
constexpr Duration warm_up_timeout = std::chrono::seconds(2);

Json address_json(const Endpoint& endpoint) {
  std::array<char, INET6_ADDRSTRLEN + IF_NAMESIZE + 1> text{};
  switch (endpoint.family()) {
    case AF_INET: {
      const auto* address = reinterpret_cast<const sockaddr_in*>(endpoint.address());
      ::inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
      return {{"ip", text.data()}, {"port", endpoint.port()}};
    }
    case AF_INET6: {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(endpoint.address());
      ::inet_ntop(AF_INET6, &address->sin6_addr, text.data(), text.size());
      std::string ip = text.data();
      std::array<char, IF_NAMESIZE> interface {};
      if (address->sin6_scope_id != 0 && ::if_indextoname(address->sin6_scope_id, interface.data()) != nullptr)
        ip += fmt::format("%{}", interface.data());
      return {{"ip", ip}, {"port", endpoint.port()}};
    }
    default:
      return {{"unix", endpoint.to_string().substr(std::string_view("unix:").size())}};
  }
}

Json hosts_json(std::span<const Endpoint> endpoints, size_t each) {
  Json hosts = Json::array();
  for (size_t at = 0; at < endpoints.size(); at += each) {
    Json host = Json::array();
    for (const Endpoint& endpoint : endpoints.subspan(at, each)) host.push_back(address_json(endpoint));
    hosts.push_back(std::move(host));
  }
  return hosts;
}

// The hosts of a fleet, each once, and the index of each attempt's host.
void add_routes(Json& wave, std::span<const std::span<const Endpoint>> routes) {
  std::map<const Endpoint*, size_t> known;
  Json hosts = Json::array(), route = Json::array();
  for (const auto& endpoints : routes) {
    const auto [found, is_new] = known.try_emplace(endpoints.data(), known.size());
    if (is_new) hosts.push_back(hosts_json(endpoints, endpoints.size()).front());
    route.push_back(found->second);
  }
  wave["hosts"] = std::move(hosts);
  wave["route"] = std::move(route);
}

Json warm_up_json(const WaveSpec& spec) {
  return {{"hosts", hosts_json(spec.warm_up, 1)},
          {"attempts", std::min(spec.what->attempts, warm_up_attempts)},
          {"in_flight", spec.what->concurrency},
          {"timeout_ns", warm_up_timeout.count()},
          {"close", to_string(CloseMode::rst)}};
}

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<int64_t> number(std::string_view word) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<int> errno_of(std::string_view name) {
  constexpr int most = 200;
  if (name == "EWOULDBLOCK") return EWOULDBLOCK;
  if (name == "ENOTSUP") return ENOTSUP;
  if (name == "EDEADLOCK") return EDEADLOCK;
  for (int error = 1; error < most; ++error)
    if (const char* known = ::strerrorname_np(error); known != nullptr && name == known) return error;
  return std::nullopt;
}

std::optional<Stage> stage_named(std::string_view name) {
  for (size_t i = 0; i < stage_count; ++i)
    if (name == to_string(static_cast<Stage>(i))) return static_cast<Stage>(i);
  return std::nullopt;
}

// A call of the stage, for classify(). Where the stage is not known, the error is that of the connection, which a UNIX
// socket makes or refuses at once.
Call call_of(Stage stage, sa_family_t family) {
  switch (stage) {
    case Stage::spawn:
      return Call::pthread_create;
    case Stage::socket:
      return Call::socket;
    case Stage::option:
      return Call::setsockopt;
    case Stage::connect:
      return Call::connect;
    case Stage::none:
      return family == AF_UNIX ? Call::connect : Call::so_error;
    case Stage::wait:
      break;
  }
  return Call::so_error;
}

}  // namespace

std::vector<Duration> schedule_of(const WaveSpec& spec) {
  const auto pacing = spec.pacing();
  std::vector<Duration> schedule;
  if (!pacing->open_loop()) return schedule;
  schedule.reserve(spec.what->attempts);
  for (size_t i = 0; i < spec.what->attempts; ++i) schedule.push_back(pacing->next_due());
  return schedule;
}

std::string wave_line(const WaveSpec& spec, std::span<const Duration> schedule) {
  Json wave = {{"protocol", program_protocol}};
  if (spec.load.routes.empty())
    wave["hosts"] = hosts_json(spec.load.endpoints, spec.load.endpoints_per_attempt);
  else
    add_routes(wave, spec.load.routes);
  wave["attempts"] = spec.what->attempts;
  wave["in_flight"] = spec.what->concurrency;
  wave["timeout_ns"] = spec.what->timeout.count();
  if (!schedule.empty()) {
    Json due = Json::array();
    for (const Duration offset : schedule) due.push_back(offset.count());
    wave["schedule_ns"] = std::move(due);
  } else if (spec.load.gap > Duration::zero()) {
    wave["gap_ns"] = spec.load.gap.count();
  }
  wave["close"] = to_string(spec.connector->policy(spec.policy).close);
  if (!spec.warm_up.empty()) wave["warm_up"] = warm_up_json(spec);
  return wave.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

int64_t read_ready(std::string_view line) {
  constexpr std::string_view word = "ready";
  const auto refuse = [&] {
    throw ProgramFault(
        fmt::format("wrote '{}' where a line like 'ready {{\"clock_error_ns\": 0}}' was expected", printable(line)));
  };
  if (!line.starts_with(word)) refuse();
  const Json said = Json::parse(line.substr(word.size()), nullptr, false);
  if (!said.is_object() || !said.contains("clock_error_ns")) refuse();
  const Json& error = said["clock_error_ns"];
  if (!error.is_number_integer() || error < 0) refuse();
  return error.get<int64_t>();
}

ProgramRecords::ProgramRecords(std::span<Sample> samples, const WaveSpec& spec, std::span<const Duration> schedule,
                               Window window)
    : samples_(samples), spec_(spec), schedule_(schedule), window_(window) {}

void ProgramRecords::add(std::string_view line) {
  std::string_view rest = line;
  const auto id = number(take_word(rest));
  const auto started = number(take_word(rest)), finished = number(take_word(rest));
  const std::string_view outcome = take_word(rest), stage = take_word(rest);
  if (!id || !started || !finished || outcome.empty() || !rest.empty())
    throw ProgramFault(
        fmt::format("wrote '{}' where a record 'ID STARTED FINISHED OUTCOME [STAGE]' was expected", printable(line)));
  const auto index = static_cast<uint64_t>(*id);
  if (index >= samples_.size())
    throw ProgramFault(fmt::format("reported an attempt {}; the ids go from 0 to {}", index, samples_.size() - 1));
  Sample& sample = samples_[index];
  if (sample.state == Sample::State::done) throw ProgramFault(fmt::format("reported attempt {} twice", index));
  const bool begun = *started != 0;
  if (begun) check_times(index, *started, *finished);
  const ConnectResult result = result_of(outcome, stage, index, begun);
  sample.scheduled_ns = !schedule_.empty() ? to_ns(window_.begin + schedule_[index]) : *started;
  if (begun) {
    sample.started_ns = *started;
    sample.finished_ns = sample.reaped_ns = *finished;
  }
  sample.outcome = result.outcome;
  sample.stage = result.stage;
  sample.os_error = static_cast<int16_t>(result.os_error);
  sample.state = Sample::State::done;
  ++recorded_;
}

void ProgramRecords::check_times(uint64_t id, int64_t started, int64_t finished) const {
  const int64_t error = window_.clock_error.count();
  if (finished < started)
    throw ProgramFault(fmt::format("reported attempt {} as finished {} before it started", id,
                                   human_readable(Duration(started - finished))));
  if (started < to_ns(window_.begin) - error)
    throw ProgramFault(
        fmt::format("reported attempt {} as started {} before the wave began; times are ns of "
                    "CLOCK_MONOTONIC",
                    id, human_readable(window_.begin - TimePoint(Duration(started)))));
  if (finished > to_ns(window_.end) + error)
    throw ProgramFault(
        fmt::format("reported attempt {} as finished {} after it wrote 'done'; times are ns of "
                    "CLOCK_MONOTONIC",
                    id, human_readable(TimePoint(Duration(finished)) - window_.end)));
}

ConnectResult ProgramRecords::result_of(std::string_view outcome, std::string_view stage_name, uint64_t id,
                                        bool begun) {
  constexpr std::string_view own = "other:";
  const auto stage = stage_named(stage_name);
  if (!stage)
    throw ProgramFault(fmt::format("reported attempt {} with an unknown stage '{}'", id, printable(stage_name)));
  if (outcome == "cancelled") return {begun ? Outcome::cancelled : Outcome::never_started, *stage, 0};
  if (!begun && (outcome == "connected" || outcome == "timeout"))
    throw ProgramFault(fmt::format("reported attempt {} as '{}' without a start", id, printable(outcome)));
  if (outcome == "connected") return {Outcome::connected, *stage, 0};
  if (outcome == "timeout") return {Outcome::deadline_exceeded, *stage, 0};
  if (outcome.starts_with(own) && outcome.size() > own.size()) {
    constexpr size_t most_words = 16, longest = 40;
    const std::string word = printable(outcome.substr(own.size()), longest);
    if (const auto known = own_words_.find(word); known != own_words_.end())
      ++known->second;
    else if (own_words_.size() < most_words)
      own_words_.emplace(word, 1);
    return {Outcome::unexpected, *stage, 0};
  }
  const auto error = errno_of(outcome);
  if (!error)
    throw ProgramFault(fmt::format("reported attempt {} with an unknown outcome '{}'", id, printable(outcome)));
  ConnectResult result = classify({.call = call_of(*stage, family_of(id)), .error = *error, .family = family_of(id)});
  result.stage = *stage;
  return result;
}

sa_family_t ProgramRecords::family_of(uint64_t id) const {
  if (!spec_.load.routes.empty()) return spec_.load.routes[id].front().family();
  return spec_.load.endpoints.front().family();
}

void ProgramRecords::finish() const {
  if (recorded_ == samples_.size()) return;
  for (size_t id = 0; id < samples_.size(); ++id)
    if (samples_[id].state != Sample::State::done)
      throw ProgramFault(fmt::format("reported no end of attempt {}; {} of {} attempts have no record", id,
                                     samples_.size() - recorded_, samples_.size()));
}

}  // namespace connbench
