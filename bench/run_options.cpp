#include "bench/run_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "bench/flags.h"
#include "bench/run_checks.h"
#include "bench/selection.h"
#include "harness/machine/processors.h"
#include "harness/support/joined.h"
#include "harness/support/units.h"
#include "harness/targets/external.h"

namespace connbench {
namespace {

constexpr size_t most_attempts = 100'000'000;
constexpr TimeBound a_day{std::chrono::hours(24), "a day (1440min)"};

// Equal values, however they are spelt, would make two rows that nobody can tell apart.
template <class Value>
void refuse_equal(std::string_view name, const std::vector<Value>& values, const std::vector<std::string>& texts) {
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (values[i] == values[j]) refuse_flag(name, fmt::format("{} is given twice (as {})", texts[j], texts[i]));
}

std::vector<Family> read_families(const std::vector<std::string>& texts) {
  std::vector<Family> families;
  for (const std::string& text : texts) {
    if (text == "both") families.push_back(Family::ipv4);
    families.push_back(text == "both" ? Family::ipv6 : read_family("--family", text, {"4", "6", "both", "unix"}));
  }
  std::ranges::sort(families);
  families.erase(std::unique(families.begin(), families.end()), families.end());
  return families;
}

// How --cpus may be given here.
std::string example_of_cpus() {
  const auto suggested = suggested_cpus();
  return suggested ? suggested->text() : fmt::format("client={}", available_cpus().front());
}

int read_cpu(const std::string& text) {
  const std::vector<int> available = available_cpus();
  int cpu = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  if (error != std::errc{} || end != text.data() + text.size() || std::ranges::count(available, cpu) == 0)
    refuse_flag("--cpus", fmt::format("'{}' is not a processor that this process may use ({})", text,
                                      joined(available, ", ", [](int number) { return std::to_string(number); })));
  return cpu;
}

// "client=0,server=1": any number of processors on each side, "client=0,client=2" or "client=0"; "link=1" for the lab's
// link.
Placement read_placement(const std::string& text) {
  Placement placement;
  for (const std::string& part : split_list(text)) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const std::string side = part.substr(0, equals);
    if (equals == std::string::npos || (side != "client" && side != "server" && side != "link"))
      refuse_flag("--cpus",
                  fmt::format("'{}' does not say which side '{}' is for; write {}", text, part, example_of_cpus()));
    const int cpu = read_cpu(part.substr(equals + 1));
    (side == "client" ? placement.client : side == "server" ? placement.server : placement.link).push_back(cpu);
  }
  return placement;
}

NamedTarget read_target(const RunFlags& flags, const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || is_target(text.substr(0, colon))) return find_target(text);
  std::optional<NamedTarget> host = parse_external(text);
  if (host && flags.external) return *std::move(host);
  if (host)
    throw std::invalid_argument(fmt::format(
        "'{}' is a host outside this program: --external allows it, within bounds (see connbench run --help)", text));
  if (flags.external)
    throw std::invalid_argument(
        fmt::format("'{}' is neither a target nor host:port: a port is 1 to 65535, and an IPv6 address is put in "
                    "brackets, [::1]:80",
                    text));
  return find_target(text);
}

std::vector<NamedTarget> read_targets(const RunFlags& flags) {
  if (!flags.mixes.empty()) return {};
  auto targets = for_each_text<NamedTarget>("--target", flags.targets,
                                            [&](const std::string& text) { return read_target(flags, text); });
  std::vector<std::string> names;
  for (const NamedTarget& target : targets) names.push_back(target.name);
  refuse_repetition("--target", names);
  return targets;
}

void check_mixes(const RunRequest& request) {
  std::vector<std::string> names;
  for (const Mix& mix : request.mixes) {
    names.push_back(mix.name());
    const std::vector<size_t> counts = shares(mix, request.attempts);
    for (size_t i = 0; i < counts.size(); ++i)
      if (counts[i] == 0)
        refuse_flag("--mix", fmt::format("of {} attempts, {} would get none: raise --attempts", request.attempts,
                                         mix.parts[i].target.name));
  }
  refuse_repetition("--mix", names);
}

void check_shards(const RunRequest& request) {
  const size_t least = *std::ranges::min_element(request.concurrency);
  if (request.shards > least)
    throw std::invalid_argument(
        fmt::format("--shards {} with --concurrency {}: each shard needs at least one attempt in flight; lower "
                    "--shards, or raise --concurrency",
                    request.shards, least));
  const auto outside = std::ranges::find_if(request.targets, is_external);
  if (request.shards > 1 && outside != request.targets.end())
    throw std::invalid_argument(
        fmt::format("--shards {} at {}: shards do not know of each other, so they cannot keep the gap between two "
                    "attempts that a host outside is entitled to; leave --shards out",
                    request.shards, outside->name));
}

std::optional<bool> read_handshake(const std::string& text) {
  one_of("--handshake", text, {"on", "off", "lab"});
  return text == "lab" ? std::nullopt : std::optional<bool>(text == "on");
}

RunRequest read_request(const RunFlags& flags) {
  RunRequest request{.connectors = select_connectors(flags.connectors),
                     .targets = read_targets(flags),
                     .mixes = for_each_text<Mix>("--mix", flags.mixes, parse_mix),
                     .families = read_families(flags.families),
                     .concurrency = read_counts("--concurrency", flags.concurrency, most_attempts),
                     .timeouts = read_times("--timeout", flags.timeouts, a_day),
                     .shards = read_count("--shards", flags.shards, 10'000),
                     .attempts = read_count("--attempts", flags.attempts, most_attempts),
                     .repetitions = static_cast<unsigned>(read_count("--repetitions", flags.repetitions, 10'000)),
                     .arrival = flags.arrival,
                     .spin = flags.spin,
                     .spin_server = flags.spin_server,
                     .wave_limit = std::nullopt,
                     .policy = {.close = read_close(flags.close)},
                     .handshake = read_handshake(flags.handshake),
                     .seed = read_seed(flags.seed),
                     .count_syscalls = one_of("--syscalls", flags.syscalls, {"on", "off"}) == "on"};
  if (!flags.wave_limit.empty())
    request.wave_limit = read_time("--wave-limit", flags.wave_limit, {a_day.most, a_day.most_text, "s"});
  return request;
}

}  // namespace

RunOptions parse(const RunFlags& given) {
  RunFlags flags = given;
  if (flags.arrival.empty()) flags.arrival = flags.find_rate.empty() ? "closed" : default_search_start;
  RunRequest request = read_request(flags);
  refuse_equal("--concurrency", request.concurrency, flags.concurrency);
  refuse_equal("--timeout", request.timeouts, flags.timeouts);
  check_arrival(flags);
  if (!flags.find_rate.empty()) for_flag("--find-rate", [&] { prepare_search(flags, request); });
  check_mixes(request);
  check_shards(request);
  bound_external(flags, request);
  RunOptions options{.request = std::move(request),
                     .placement = read_placement(flags.cpus),
                     .samples = for_flag("--samples", [&] { return parse_samples_kept(flags.samples); }),
                     .out = flags.out.empty() ? std::nullopt : std::optional<std::filesystem::path>(flags.out),
                     .dry_run = flags.dry_run,
                     .progress = flags.quiet ? ProgressLine::Wanted::no : ProgressLine::Wanted::yes};
  choose_network(flags, options);
  return options;
}

}  // namespace connbench
