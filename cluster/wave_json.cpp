#include "cluster/wave_json.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace connbench::cluster {
namespace {

constexpr std::pair<const char*, int64_t Usage::*> usage_fields[] = {
    {"cpu_ns", &Usage::cpu_ns},
    {"cpu_user_ns", &Usage::cpu_user_ns},
    {"cpu_sys_ns", &Usage::cpu_sys_ns},
    {"softirq_ns", &Usage::softirq_ns},
    {"steal_ns", &Usage::steal_ns},
    {"server_cpu_ns", &Usage::server_cpu_ns},
    {"listen_overflows", &Usage::listen_overflows},
    {"voluntary_switches", &Usage::voluntary_switches},
    {"involuntary_switches", &Usage::involuntary_switches},
    {"rss_peak_kib", &Usage::rss_peak_kib},
    {"client_softirq_ns", &Usage::client_softirq_ns}};
static_assert(sizeof(Usage) == std::size(usage_fields) * sizeof(int64_t));  // none is forgotten

int64_t sum_of(int64_t one, int64_t other) {
  return one < 0 || other < 0 ? -1 : one + other;
}

Json json_of(const std::optional<double>& number) {
  return number ? Json(*number) : Json();
}

std::optional<double> read_number(const Json& number) {
  return number.is_null() ? std::nullopt : std::optional(number.get<double>());
}

template <class Value>
Json binary_of(std::span<const Value> values) {
  static_assert(std::is_trivially_copyable_v<Value>);
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  return Json::binary(std::vector<uint8_t>(bytes, bytes + values.size_bytes()));
}

template <class Value>
std::vector<Value> read_binary(const Json& message) {
  const auto& bytes = message.get_binary();
  std::vector<Value> values(bytes.size() / sizeof(Value));
  if (bytes.empty() || values.size() * sizeof(Value) != bytes.size())
    throw std::runtime_error("a message of the cluster's job has a wrong length");
  std::memcpy(static_cast<void*>(values.data()), bytes.data(), bytes.size());
  return values;
}

}  // namespace

std::string to_wire(const Json& message) {
  std::string bytes;
  Json::to_cbor(message, bytes);
  return bytes;
}

Json from_wire(std::string_view bytes) {
  Json message = Json::from_cbor(bytes, true, false);
  if (!message.is_object() || !message.contains("is"))
    throw std::runtime_error("a message of the cluster's job cannot be read");
  return message;
}

Json json_of(const WaveResult& result) {
  Json usage = Json::object();
  for (const auto& [name, field] : usage_fields) usage[name] = result.usage.*field;
  Json syscalls = Json::array();
  for (const auto& [name, calls] : result.syscalls) syscalls.push_back({name, calls});
  return {{"is", "result"},
          {"started_ns", result.started_ns},
          {"usage", std::move(usage)},
          {"threads", result.peak.threads},
          {"fds", result.peak.fds},
          {"syscalls", std::move(syscalls)},
          {"offered", result.offered},
          {"by_time", result.by_time},
          {"failure", result.failure}};
}

WaveResult read_result(const Json& message) {
  WaveResult result;
  result.started_ns = message.at("started_ns");
  for (const auto& [name, field] : usage_fields) result.usage.*field = message.at("usage").at(name);
  result.peak = {.threads = message.at("threads"), .fds = message.at("fds")};
  for (const Json& call : message.at("syscalls")) result.syscalls.push_back({call.at(0), call.at(1)});
  result.offered = message.at("offered").get<std::vector<size_t>>();
  result.by_time = message.at("by_time");
  result.failure = message.at("failure");
  return result;
}

Json samples_message(std::span<const Sample> samples, size_t first) {
  return {{"is", "samples"}, {"first", first}, {"samples", binary_of(samples)}};
}

SomeSamples read_samples(const Json& message) {
  return {message.at("first"), read_binary<Sample>(message.at("samples"))};
}

Json json_of(const Tally& tally) {
  const OpenLoopAccount& arrivals = tally.arrivals;
  return {{"samples", tally.samples},
          {"outcomes", tally.outcomes},
          {"arrivals", Json::array({arrivals.offered, arrivals.started, arrivals.completed, arrivals.late})},
          {"began_ns", tally.began_ns},
          {"ended_ns", tally.ended_ns},
          {"open_end", tally.open_end},
          {"connecting_sum_ns", tally.connecting_sum_ns}};
}

Tally read_tally(const Json& message) {
  const Json& arrivals = message.at("arrivals");
  Tally tally;
  tally.samples = message.at("samples");
  tally.outcomes = message.at("outcomes").get<std::array<size_t, outcome_count>>();
  tally.arrivals = {
      .offered = arrivals.at(0), .started = arrivals.at(1), .completed = arrivals.at(2), .late = arrivals.at(3)};
  tally.began_ns = message.at("began_ns");
  tally.ended_ns = message.at("ended_ns");
  tally.open_end = message.at("open_end");
  tally.connecting_sum_ns = message.at("connecting_sum_ns");
  return tally;
}

void Spread::add(const Spread& other) noexcept {
  count += other.count;
  least = std::min(least, other.least);
  most = std::max(most, other.most);
}

Json json_of(const Spread& spread) {
  return Json::array({spread.count, spread.least, spread.most});
}

Spread read_spread(const Json& message) {
  return {.count = message.at(0), .least = message.at(1), .most = message.at(2)};
}

Json json_of(const Capabilities& capabilities) {
  return binary_of(std::span(&capabilities, 1));
}

Capabilities read_capabilities(const Json& bytes) {
  return read_binary<Capabilities>(bytes).front();
}

Json json_of(const MachineFitness& fitness) {
  const Interference& seen = fitness.seen;
  return {{"processors", seen.processors},
          {"ready", json_of(seen.ready)},
          {"steal_share", json_of(seen.steal_share)},
          {"throttled", seen.throttling.times},
          {"throttled_ns", seen.throttling.total_ns},
          {"unfit", fitness.unfit}};
}

MachineFitness read_fitness(const Json& message) {
  return {.seen = {.processors = message.at("processors"),
                   .ready = read_number(message.at("ready")),
                   .steal_share = read_number(message.at("steal_share")),
                   .throttling = {.times = message.at("throttled"), .total_ns = message.at("throttled_ns")}},
          .unfit = message.at("unfit").get<std::vector<std::string>>()};
}

Json json_of(std::span<const Endpoint> endpoints) {
  Json list = Json::array();
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.family() == AF_INET6) {
      const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(endpoint.address());
      list.push_back({{"ipv6", binary_of(std::span(&ipv6->sin6_addr, 1))}, {"port", endpoint.port()}});
    } else {
      const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(endpoint.address());
      list.push_back({{"ipv4", ntohl(ipv4->sin_addr.s_addr)}, {"port", endpoint.port()}});
    }
  }
  return list;
}

std::vector<Endpoint> read_endpoints(const Json& list) {
  std::vector<Endpoint> endpoints;
  for (const Json& one : list)
    endpoints.push_back(one.contains("ipv6")
                            ? Endpoint::ipv6(read_binary<in6_addr>(one.at("ipv6")).front(), one.at("port"))
                            : Endpoint::ipv4(one.at("ipv4"), one.at("port")));
  return endpoints;
}

Usage sum_of(const Usage& one, const Usage& other) {
  Usage sum;
  for (const auto& [name, field] : usage_fields) sum.*field = sum_of(one.*field, other.*field);
  return sum;
}

Footprint sum_of(const Footprint& one, const Footprint& other) {
  return {.threads = sum_of(one.threads, other.threads), .fds = sum_of(one.fds, other.fds)};
}

Interference sum_of(const Interference& one, const Interference& other) {
  Interference sum{.processors = one.processors + other.processors};
  if (one.ready && other.ready) sum.ready = *one.ready + *other.ready;
  if (one.steal_share && other.steal_share)
    sum.steal_share = (*one.steal_share * static_cast<double>(one.processors) +
                       *other.steal_share * static_cast<double>(other.processors)) /
                      static_cast<double>(sum.processors);
  sum.throttling = {.times = sum_of(one.throttling.times, other.throttling.times),
                    .total_ns = sum_of(one.throttling.total_ns, other.throttling.total_ns)};
  return sum;
}

}  // namespace connbench::cluster
