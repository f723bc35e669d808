#include "bench/run_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "bench/flags.h"
#include "harness/machine/machine.h"
#include "harness/support/units.h"
#include "harness/targets/external.h"

namespace connbench {
namespace {

constexpr size_t most_attempts = 100'000'000;

// The same value twice, however it is spelt, would make two rows that nobody can tell apart.
template <class Value>
void refuse_equal(std::string_view name, const std::vector<Value>& values, const std::vector<std::string>& texts) {
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (values[i] == values[j])
        throw std::invalid_argument(fmt::format("{}: {} is given twice (as {})", name, texts[j], texts[i]));
}

std::vector<Family> parse_families(const std::vector<std::string>& texts) {
  std::vector<Family> families;
  for (const std::string& text : texts) {
    one_of("--family", text, {"4", "6", "both", "unix"});
    if (text == "4" || text == "both") families.push_back(Family::ipv4);
    if (text == "6" || text == "both") families.push_back(Family::ipv6);
    if (text == "unix") families.push_back(Family::unix_domain);
  }
  std::ranges::sort(families);
  families.erase(std::unique(families.begin(), families.end()), families.end());
  return families;
}

// "client=0,server=1": any number of processors on each side, "client=0,client=2" or "client=0"; "link=1" for the
// lab's.
Placement parse_placement(const std::string& text) {
  Placement placement;
  const std::vector<int> online = online_cpus();
  for (const std::string& part : CLI::detail::split(text, ',')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const std::string side = part.substr(0, equals);
    if (equals == std::string::npos || (side != "client" && side != "server" && side != "link"))
      throw std::invalid_argument(fmt::format("--cpus: '{}' should look like client=0,server=1", text));
    int cpu = -1;
    const std::string number = part.substr(equals + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), cpu);
    if (error != std::errc{} || end != number.data() + number.size() || !std::ranges::count(online, cpu))
      throw std::invalid_argument(
          fmt::format("--cpus: '{}' is not a processor of this machine ({})", number, fmt::join(online, ", ")));
    (side == "client" ? placement.client : side == "server" ? placement.server : placement.link).push_back(cpu);
  }
  return placement;
}

std::vector<NamedConnector> parse_connectors(const RunFlags& flags) {
  std::vector<std::string> names = flags.connectors;
  if (names.empty())
    for (const ConnectorEntry* entry : all_connectors()) names.emplace_back(entry->name);
  refuse_repetition("--connector", names);
  return each<NamedConnector>("--connector", names, find_connector);
}

std::vector<NamedTarget> parse_targets(const RunFlags& flags) {
  if (!flags.mixes.empty()) return {};
  auto targets = each<NamedTarget>("--target", flags.targets, [&](std::string_view text) {
    auto host = text.find(':') == std::string_view::npos ? std::nullopt : parse_external(text);
    if (is_target(text.substr(0, text.find(':')))) return find_target(text);
    if (!host && flags.external && text.find(':') != std::string_view::npos)
      throw std::invalid_argument(
          fmt::format("'{}' is neither a target nor host:port: a port is 1 to 65535, and an IPv6 address is put in "
                      "brackets, [::1]:80",
                      text));
    if (!host) return find_target(text);
    if (!flags.external)
      throw std::invalid_argument(fmt::format(
          "'{}' is a host outside this program: with --external it is connected to, within bounds (see --help)", text));
    return *std::move(host);
  });
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
        throw std::invalid_argument(fmt::format("--mix: of {} attempts, {} would get none: raise --attempts",
                                                request.attempts, mix.parts[i].target.name));
  }
  refuse_repetition("--mix", names);
}

void check_arrival(const RunFlags& flags) {
  const ChosenScenario chosen = flag("--arrival", [&] { return find_scenario(flags.arrival); });
  if (chosen.label.starts_with("fleet:")) throw std::invalid_argument("--arrival: a fleet is asked for with --mix");
  if (flags.spin && !chosen.entry->pacing(flags.arrival, 0)->open_loop())
    throw std::invalid_argument(
        "--spin: in closed loop nothing is waited for; it goes with --arrival uniform:RATE/s or poisson:RATE/s");
}

// A goal that no rate can reach would be searched for in vain: some share never connects.
void refuse_hopeless(const RateGoal& goal, const RunRequest& request) {
  for (const Family family : request.families) {
    for (const NamedTarget& target : request.targets)
      if (!can_connect(target, family))
        throw std::invalid_argument(fmt::format("nothing connects to {}: no rate can hold {}", target.name, goal.text));
    for (const Mix& mix : request.mixes) {
      unsigned dead = 0;
      for (const Mix::Part& part : mix.parts)
        if (!can_connect(part.target, family)) dead += part.hundredths;
      if (dead > (1 - goal.quantile) * 10'000 + 1e-6)
        throw std::invalid_argument(
            fmt::format("{} % of {} never connect, and an attempt that fails is too late: no rate can hold {}; use a "
                        "lower percentile, or fewer dead hosts",
                        dead / 100.0, mix.name(), goal.text));
    }
  }
}

void prepare_search(const RunFlags& flags, RunRequest& request) {
  const RateGoal goal = parse_rate_goal(flags.find_rate);
  if (flags.arrival == "closed")
    throw std::invalid_argument(
        "in closed loop there is no rate to search for: it goes with --arrival uniform:RATE/s or poisson:RATE/s");
  if (std::ranges::any_of(request.targets, [](const NamedTarget& t) { return t.entry == &external_target; }))
    throw std::invalid_argument(
        "it would drive a host outside to its limit, and is for this program's own targets only");
  for (const NamedConnector& connector : request.connectors)
    if (connector.policy(request.policy).close == CloseMode::hold)
      throw std::invalid_argument(
          fmt::format("{} holds every connection until its wave ends: what would be found is how many descriptors "
                      "there are; use --close rst or fin",
                      connector.name));
  refuse_hopeless(goal, request);
  const double first = parse_rate(flags.arrival.substr(flags.arrival.find(':') + 1));
  if (first < goal.lowest_rate() || first > highest_rate)
    throw std::invalid_argument(
        fmt::format("it begins at the rate of --arrival, from {:.6g}/s to {:.6g}/s, not at {:.6g}/s",
                    goal.lowest_rate(), highest_rate, first));
  request.find_rate = goal;
  request.first_rate = first;
  request.attempts = goal.attempts_at(first);
  request.count_syscalls = false;  // their number belongs to a case of fixed size
}

bool is_external(const NamedTarget& target) {
  return target.entry == &external_target;
}

void check_shards(const RunRequest& request) {
  const size_t least = *std::ranges::min_element(request.concurrency);
  if (request.shards > least)
    throw std::invalid_argument(
        fmt::format("--shards {} with --concurrency {}: each shard needs at least one attempt in flight: lower "
                    "--shards, or raise --concurrency",
                    request.shards, least));
  const auto outside = std::ranges::find_if(request.targets, is_external);
  if (request.shards > 1 && outside != request.targets.end())
    throw std::invalid_argument(
        fmt::format("--shards {} at {}: shards do not know of each other, and a host outside is held to a gap between "
                    "any two attempts: leave --shards out",
                    request.shards, outside->name));
}

// Every bound holds unless its own flag raises it.
void bound_external(const RunFlags& flags, RunRequest& request) {
  const auto hosts = static_cast<size_t>(std::ranges::count_if(request.targets, is_external));
  if (hosts == 0) return;
  ExternalBounds bounds;
  if (!flags.external_rate.empty())
    bounds.per_second = flag("--external-rate", [&] { return parse_rate(flags.external_rate); });
  if (!flags.external_attempts.empty())
    bounds.attempts = flag("--external-attempts", [&] { return parse_count(flags.external_attempts); });
  if (!flags.external_concurrency.empty())
    bounds.concurrency = flag("--external-concurrency", [&] { return parse_count(flags.external_concurrency); });
  const size_t waves = request.repetitions + (request.count_syscalls ? 1 : 0);
  const double attempts = static_cast<double>(hosts * waves * request.connectors.size() * request.families.size() *
                                              request.concurrency.size() * request.timeouts.size()) *
                          static_cast<double>(request.attempts);
  if (attempts > static_cast<double>(bounds.attempts))
    throw std::invalid_argument(
        fmt::format("this run makes {:.0f} attempts at hosts outside, and at most {} are "
                    "allowed: lower --attempts or --repetitions, or --external-attempts {:.0f}",
                    attempts, bounds.attempts, attempts));
  const size_t most = *std::ranges::max_element(request.concurrency);
  if (most > bounds.concurrency)
    throw std::invalid_argument(
        fmt::format("--concurrency {} at hosts outside, and at most {} are allowed: lower it, "
                    "or --external-concurrency {}",
                    most, bounds.concurrency, most));
  const auto pacing = find_scenario(request.arrival).entry->pacing(request.arrival, request.seed);
  const size_t colon = request.arrival.find(':');
  if (pacing->open_loop() && parse_rate(request.arrival.substr(colon + 1)) > bounds.per_second)
    throw std::invalid_argument(
        fmt::format("--arrival {} at hosts outside, and at most {}/s is allowed: lower it, or "
                    "--external-rate",
                    request.arrival, bounds.per_second));
  request.external_gap = Duration(static_cast<int64_t>(1e9 / bounds.per_second));
}

// The lab has no way out, and a host outside cannot be reached from within.
void choose_network(const RunFlags& flags, RunOptions& options) {
  std::vector<NamedTarget> targets = options.request.targets;
  for (const Mix& mix : options.request.mixes)
    for (const Mix::Part& part : mix.parts) targets.push_back(part.target);
  const auto of_lab = std::ranges::find_if(targets, [](const NamedTarget& t) { return t.entry->needs_lab; });
  const auto outside = std::ranges::find_if(targets, is_external);
  options.needs_lab = !flags.sysctls.empty() || !flags.pcap.empty();
  if (of_lab == targets.end() && !options.needs_lab) return;
  if (outside != targets.end())
    throw std::invalid_argument(
        fmt::format("{} is in the lab's network ({}), and {} outside it: they cannot be measured in one run",
                    of_lab == targets.end() ? "what is captured or has a sysctl" : of_lab->name,
                    "namespaces without a way out", outside->name));
  options.lab = {.sysctls = each<lab::Sysctl>("--sysctl", flags.sysctls, lab::parse_sysctl),
                 .cpus = options.placement.link,
                 .seed = options.request.seed};
  if (!flags.pcap.empty()) options.lab->pcap = flags.pcap;
}

CloseMode parse_close(const std::string& text) {
  one_of("--close", text, {"rst", "fin", "hold"});
  return parse_close_mode(text);
}

std::optional<bool> parse_handshake(const std::string& text) {
  one_of("--handshake", text, {"on", "off", "lab"});
  return text == "lab" ? std::nullopt : std::optional<bool>(text == "on");
}

bool parse_switch(std::string_view name, const std::string& text) {
  return one_of(name, text, {"on", "off"}) == "on";
}

}  // namespace

void declare(CLI::App& command, RunFlags& flags) {
  const auto list = [&](const char* name, std::vector<std::string>& value, const char* help) {
    return command.add_option(name, value, help)->delimiter(',')->expected(1, CLI::detail::expected_max_vector_size);
  };
  list("--connector", flags.connectors, "ways to connect, with options: epoll,blocking-threads+stack:1MiB [all]");
  CLI::Option* target =
      list("--target", flags.targets, "what to connect to (see connbench list)")->capture_default_str();
  command
      .add_option(
          "--mix", flags.mixes,
          "instead: a fleet, several targets in one queue, with their percent: accepting=90,blackhole=10; repeat "
          "it to compare shares")
      ->expected(1)
      ->take_all()
      ->excludes(target);
  list("--family", flags.families, "4, 6, both, unix")->capture_default_str();
  list("--concurrency", flags.concurrency, "most attempts in flight")->capture_default_str();
  list("--timeout", flags.timeouts, "of each attempt, from its start: 200ms, 1.5s")->capture_default_str();
  const auto one = [&](const char* name, std::string& value, const char* help) {
    return command.add_option(name, value, help);
  };
  CLI::Option* attempts = one("--attempts", flags.attempts, "in each wave")->capture_default_str();
  one("--repetitions", flags.repetitions, "waves of each case, interleaved with those of the others")
      ->capture_default_str();
  one("--arrival", flags.arrival, "closed, uniform:RATE/s or poisson:RATE/s [closed]");
  command.add_flag("--spin", flags.spin,
                   "with a rate: no sleep in the last millisecond before an attempt is due; costs a processor");
  one("--shards", flags.shards,
      "threads that share attempts and concurrency, each with its own connector and descriptor table")
      ->capture_default_str();
  CLI::Option* wave_limit =
      one("--wave-limit", flags.wave_limit,
          "after which a wave is cancelled [5s + 2 x ceil(attempts/concurrency) x timeout; with a rate, as long "
          "as attempts arrive on top; more for a pool]");
  one("--find-rate", flags.find_rate,
      "p99<5ms: search the highest rate of --arrival at which so many of all attempts connect so soon after they were "
      "due, by the majority of --repetitions waves; the search begins at the rate given [poisson:1000/s]")
      ->excludes(attempts)
      ->excludes(wave_limit);
  one("--cpus", flags.cpus, "processors: client=0,server=1, and link=1 for the lab's [any]");
  one("--close", flags.close, "how connections end: rst, fin (TIME_WAIT), hold (until the wave ends)")
      ->capture_default_str();
  one("--handshake", flags.handshake, "read TCP_INFO of every attempt (costs about 2 %): on, off, lab (its targets)")
      ->capture_default_str();
  command
      .add_option("--sysctl", flags.sysctls, "of the lab, not of the machine: net.ipv4.tcp_syn_retries=1; repeatable")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  one("--pcap", flags.pcap, "file for every packet of the lab, both ends of the link");
  one("--samples", flags.samples, "rows in samples.csv: all, failures, none")->capture_default_str();
  one("--syscalls", flags.syscalls, "count system calls in a wave of its own: on, off")->capture_default_str();
  command.add_option("--seed", flags.seed, "of the order of waves and of random arrivals [random, and recorded]")
      ->check(not_negative);
  command.add_flag("--external", flags.external, "allow --target host:port, a host of your own");
  one("--external-rate", flags.external_rate, "at most so many attempts at it a second [1000/s]");
  one("--external-attempts", flags.external_attempts, "in the whole run [10000]");
  one("--external-concurrency", flags.external_concurrency, "in flight [256]");
  one("--out", flags.out, "folder for the records [results/<time>-<id>]");
  command.add_flag("--dry-run", flags.dry_run, "print the waves and the expected time, and run nothing");
}

RunOptions parse(const RunFlags& given) {
  RunFlags flags = given;
  if (flags.arrival.empty()) flags.arrival = flags.find_rate.empty() ? "closed" : "poisson:1000/s";
  const auto count = [](std::string_view name, const std::string& text) {
    return flag(name, [&] { return parse_count(text); });
  };
  RunRequest request{.connectors = parse_connectors(flags),
                     .targets = parse_targets(flags),
                     .mixes = each<Mix>("--mix", flags.mixes, parse_mix),
                     .families = parse_families(flags.families),
                     .concurrency = each<size_t>("--concurrency", flags.concurrency, parse_count),
                     .timeouts = each<Duration>("--timeout", flags.timeouts, parse_duration),
                     .shards = at_most("--shards", count("--shards", flags.shards), size_t{10'000}, "10000"),
                     .attempts = at_most("--attempts", count("--attempts", flags.attempts), most_attempts, "100000000"),
                     .repetitions = static_cast<unsigned>(
                         at_most("--repetitions", count("--repetitions", flags.repetitions), size_t{10'000}, "10000")),
                     .arrival = flags.arrival,
                     .spin = flags.spin,
                     .wave_limit = std::nullopt,
                     .policy = {.close = parse_close(flags.close)},
                     .handshake = parse_handshake(flags.handshake),
                     .seed = flags.seed ? *flags.seed : std::random_device{}(),
                     .count_syscalls = parse_switch("--syscalls", flags.syscalls)};
  for (const size_t concurrency : request.concurrency)
    at_most("--concurrency", concurrency, most_attempts, "100000000");
  refuse_equal("--concurrency", request.concurrency, flags.concurrency);
  refuse_equal("--timeout", request.timeouts, flags.timeouts);
  check_arrival(flags);
  if (!flags.find_rate.empty()) flag("--find-rate", [&] { return prepare_search(flags, request), true; });
  check_mixes(request);
  check_shards(request);
  if (!flags.wave_limit.empty())
    request.wave_limit = flag("--wave-limit", [&] { return parse_duration(flags.wave_limit); });
  constexpr Duration day = std::chrono::hours(24);
  for (const Duration timeout : request.timeouts) {
    if (timeout <= Duration::zero()) throw std::invalid_argument("--timeout: must be longer than nothing");
    at_most("--timeout", timeout, day, "a day (1440min)");
  }
  if (request.wave_limit) at_most("--wave-limit", *request.wave_limit, day, "a day (1440min)");
  if (request.wave_limit == Duration::zero()) throw std::invalid_argument("--wave-limit: must be longer than nothing");
  bound_external(flags, request);
  RunOptions options{.request = std::move(request),
                     .placement = parse_placement(flags.cpus),
                     .samples = flag("--samples", [&] { return parse_samples_kept(flags.samples); }),
                     .out = flags.out.empty() ? std::nullopt : std::optional<std::filesystem::path>(flags.out),
                     .dry_run = flags.dry_run};
  choose_network(flags, options);
  return options;
}

}  // namespace connbench
