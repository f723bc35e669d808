#include "bench/run_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/flags.h"
#include "bench/run_checks.h"
#include "bench/selection.h"
#include "harness/machine/machine.h"
#include "harness/machine/processors.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/joined.h"
#include "harness/support/units.h"
#include "harness/targets/external.h"

namespace connbench {
namespace {

constexpr size_t most_attempts = 100'000'000;
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

int read_cpu(std::string_view text) {
  const std::vector<int> available = available_cpus();
  const auto given = whole_number(text);
  const auto found = std::ranges::find_if(available, [&](int cpu) { return given == static_cast<uint64_t>(cpu); });
  if (found == available.end())
    refuse_flag("--cpus", fmt::format("'{}' is not a processor that this process may use ({})", text,
                                      joined(available, ", ", [](int number) { return std::to_string(number); })));
  return *found;
}

// "client=0,server=1": any number of processors on each side, "client=0,client=2" or "client=0"; "link=1" for the lab's
// link.
Placement read_placement(const std::string& text) {
  Placement placement;
  if (text.empty()) return placement;
  for (const std::string& part : split_list(text)) {
    const size_t equals = part.find('=');
    const std::string side = part.substr(0, equals);
    if (equals == std::string::npos || (side != "client" && side != "server" && side != "link"))
      refuse_flag("--cpus",
                  fmt::format("'{}' does not say which side '{}' is for; write {}", text, part, example_of_cpus()));
    const int cpu = read_cpu(part.substr(equals + 1));
    auto& cpus = side == "client" ? placement.client : side == "server" ? placement.server : placement.link;
    if (std::ranges::count(cpus, cpu) > 0) refuse_flag("--cpus", fmt::format("'{}' says {} twice", text, part));
    cpus.push_back(cpu);
  }
  return placement;
}

NamedTarget read_target(const RunFlags& flags, const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || is_target(text.substr(0, colon))) return find_target(text);
  if (flags.external) return parse_external(text);
  try {
    parse_external(text);
  } catch (const std::invalid_argument&) {
    return find_target(text);
  }
  throw std::invalid_argument(fmt::format(
      "'{}' is a host outside this program: --external allows it, within bounds (see connbench run --help)", text));
}

std::vector<NamedTarget> read_targets(const RunFlags& flags) {
  if (!flags.mixes.empty()) return {};
  auto targets = for_each_text<NamedTarget>("--target", flags.targets,
                                            [&](const std::string& text) { return read_target(flags, text); });
  std::vector<std::string> names;
  for (const NamedTarget& target : targets) names.push_back(target.name);
  refuse_equal("--target", names, flags.targets);
  return targets;
}

void check_mixes(const RunFlags& flags, const RunRequest& request) {
  std::vector<std::string> names;
  size_t fewest = SIZE_MAX;
  for (const std::string& arrival : arrivals_of(request)) fewest = std::min(fewest, attempts_of(request, arrival));
  for (const Mix& mix : request.mixes) {
    names.push_back(mix.name());
    const std::vector<size_t> counts = shares(mix, fewest);
    for (size_t i = 0; i < counts.size(); ++i)
      if (counts[i] == 0)
        refuse_flag("--mix", fmt::format("of {} attempts, {} would get none: raise --attempts", fewest,
                                         mix.parts[i].target.name));
  }
  refuse_equal("--mix", names, flags.mixes);
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

std::optional<size_t> read_addresses(const std::string& text) {
  constexpr size_t most_addresses = 250;  // what every target can have
  return text.empty() ? std::nullopt : std::optional<size_t>(read_count("--addresses", text, most_addresses));
}

Compression read_compression(const RunFlags& flags) {
  const bool compressed = one_of("--samples-format", flags.samples_format, {"csv", "zst"}) == "zst";
  if (compressed && flags.samples == "none")
    refuse_flag("--samples-format", "there is nothing to compress with --samples none; leave one of them out");
  return compressed ? Compression::zstd : Compression::none;
}

// The number of a ramp is its own: 0 stands for it.
size_t read_attempts(const RunFlags& flags, const std::vector<std::string>& arrivals) {
  if (!flags.attempts.empty()) return read_count("--attempts", flags.attempts, most_attempts);
  const bool open = std::ranges::any_of(arrivals, [](const std::string& one) { return !usual_attempts(one); });
  return open ? default_attempts : 0;
}

// At most three decimals of a percent: more attempts than a wave can have would be needed to know such a percentile.
std::vector<double> read_percentiles(const std::string& text) {
  constexpr unsigned decimals = 3;
  constexpr Range<uint64_t> valid{1, 99'999};
  if (text.empty()) return {};
  std::vector<double> percentiles;
  const std::vector<std::string> texts = split_list(text);
  for (const std::string& one : texts)
    percentiles.push_back(
        static_cast<double>(for_flag("--percentiles", [&] { return parse_percent(one, decimals, valid); })) / 1000);
  refuse_equal("--percentiles", percentiles, texts);
  return percentiles;
}

RunRequest read_request(const RunFlags& flags, const std::vector<std::string>& arrivals) {
  RunRequest request{.connectors = select_connectors(flags.connectors),
                     .targets = read_targets(flags),
                     .mixes = for_each_text<Mix>("--mix", flags.mixes, parse_mix),
                     .families = read_families(flags.families),
                     .concurrency = read_counts("--concurrency", flags.concurrency, most_attempts),
                     .timeouts = read_times("--timeout", flags.timeouts, up_to_a_day),
                     .shards = read_count("--shards", flags.shards, 10'000),
                     .attempts = read_attempts(flags, arrivals),
                     .repetitions = static_cast<unsigned>(read_count("--repetitions", flags.repetitions, 10'000)),
                     .arrival = arrivals.front(),
                     .more_arrivals = {arrivals.begin() + 1, arrivals.end()},
                     .percentiles = read_percentiles(flags.percentiles),
                     .spin = flags.spin,
                     .spin_server = flags.spin_server,
                     .addresses = read_addresses(flags.addresses),
                     .wave_limit = std::nullopt,
                     .policy = {.close = read_close(flags.close), .local_port = flags.local_port},
                     .handshake = read_handshake(flags.handshake),
                     .seed = read_seed(flags.seed),
                     .count_syscalls = one_of("--syscalls", flags.syscalls, {"on", "off"}) == "on"};
  if (!flags.duration.empty()) request.duration = read_time("--duration", flags.duration, up_to_a_day, "s");
  if (request.duration && !offered_rate(request.arrival)) request.count_syscalls = false;  // see prepare_search()
  if (!flags.wave_limit.empty()) request.wave_limit = read_time("--wave-limit", flags.wave_limit, up_to_a_day, "s");
  return request;
}

}  // namespace

RunOptions parse(const RunFlags& given) {
  RunFlags flags = given;
  if (flags.arrival.empty()) flags.arrival = flags.find_rate.empty() ? "closed" : default_search_start;
  RunRequest request = read_request(flags, read_arrivals(flags));
  check_duration(request);
  bound_attempts(request);
  if (!flags.find_rate.empty()) for_flag("--find-rate", [&] { prepare_search(flags, request); });
  check_mixes(flags, request);
  check_shards(request);
  bound_external(flags, request);
  bound_arrivals(request);
  RunOptions options{.request = std::move(request),
                     .placement = read_placement(flags.cpus),
                     .samples = for_flag("--samples", [&] { return parse_samples_kept(flags.samples); }),
                     .compression = read_compression(flags),
                     .out = flags.out.empty() ? std::nullopt : std::optional<std::filesystem::path>(flags.out),
                     .dry_run = flags.dry_run,
                     .progress = flags.quiet ? ProgressLine::Wanted::no : ProgressLine::Wanted::yes};
  choose_network(flags, options);
  find_hosts(options.request);
  return options;
}

}  // namespace connbench
