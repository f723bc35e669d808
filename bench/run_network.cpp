// Which network a run takes place in, and the bounds of what it does to hosts outside.
#include <fmt/format.h>

#include <algorithm>

#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/run_checks.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/quantity.h"
#include "harness/targets/external.h"

namespace connbench {
namespace {

ExternalBounds read_bounds(const RunFlags& flags) {
  ExternalBounds bounds;
  if (!flags.external_rate.empty())
    bounds.per_second = for_flag("--external-rate", [&] { return parse_rate(flags.external_rate); });
  if (!flags.external_attempts.empty())
    bounds.attempts = read_count("--external-attempts", flags.external_attempts, SIZE_MAX);
  if (!flags.external_concurrency.empty())
    bounds.concurrency = read_count("--external-concurrency", flags.external_concurrency, SIZE_MAX);
  return bounds;
}

double attempts_at(size_t hosts, const RunRequest& request) {
  const size_t waves = request.repetitions + (request.count_syscalls ? 1 : 0);
  double attempts = 0;
  for (const std::string& arrival : arrivals_of(request))
    attempts += static_cast<double>(attempts_of(request, arrival));
  return static_cast<double>(hosts * waves * request.connectors.size() * request.families.size() *
                             request.concurrency.size() * request.timeouts.size()) *
         attempts;
}

std::vector<NamedTarget> all_targets_of(const RunRequest& request) {
  std::vector<NamedTarget> targets = request.targets;
  for (const Mix& mix : request.mixes)
    for (const Mix::Part& part : mix.parts) targets.push_back(part.target);
  return targets;
}

// Two names of one host would make two rows of one load.
void refuse_same_address(const RunRequest& request, const NamedTarget& host) {
  for (const NamedTarget& other : request.targets)
    for (const HostAddress& address : host.addresses)
      if (const HostAddress* same = other.address(address.family);
          &other != &host && same != nullptr && same->endpoint == address.endpoint)
        refuse_flag("--target", fmt::format("{} and {} are the same address, {}", other.name, host.name,
                                            address.endpoint.to_string()));
}

}  // namespace

bool is_external(const NamedTarget& target) {
  return target.entry == &external_target;
}

void bound_external(const RunFlags& flags, RunRequest& request) {
  const auto hosts = static_cast<size_t>(std::ranges::count_if(request.targets, is_external));
  if (hosts == 0) return;
  const ExternalBounds bounds = read_bounds(flags);
  const double attempts = attempts_at(hosts, request);
  if (attempts > static_cast<double>(bounds.attempts))
    throw std::invalid_argument(
        fmt::format("this run makes {:.0f} attempts at hosts outside; at most {} are allowed. Lower --attempts or "
                    "--repetitions, or give --external-attempts {:.0f}",
                    attempts, bounds.attempts, attempts));
  const size_t most = *std::ranges::max_element(request.concurrency);
  if (most > bounds.concurrency)
    throw std::invalid_argument(
        fmt::format("--concurrency {} at hosts outside; at most {} is allowed. Lower it, or give "
                    "--external-concurrency {}",
                    most, bounds.concurrency, most));
  for (const std::string& arrival : arrivals_of(request))
    if (const auto rate = offered_rate(arrival); rate && *rate > bounds.per_second)
      throw std::invalid_argument(
          fmt::format("--arrival {} at hosts outside; at most {} is allowed. Lower it, or raise --external-rate",
                      arrival, format_rate(bounds.per_second)));
  request.external_gap = Duration(static_cast<int64_t>(1e9 / bounds.per_second));
}

void bound_arrivals(const RunRequest& request) {
  if (request.find_rate) return;  // its waves are short at every rate
  constexpr Duration a_day = std::chrono::hours(24);
  for (const std::string& arrival : arrivals_of(request)) {
    const size_t attempts = attempts_of(request, arrival);
    const auto due = attempts_within(arrival, a_day);
    const double in_a_day =
        due.value_or(request.external_gap > Duration::zero()
                         ? static_cast<double>(a_day.count()) / static_cast<double>(request.external_gap.count())
                         : static_cast<double>(SIZE_MAX));
    if (static_cast<double>(attempts) <= in_a_day) continue;
    throw std::invalid_argument(fmt::format(
        "{}: {} attempts would arrive over {:.3g} days; a wave may take one. Raise the rate, or lower --attempts",
        due ? "--arrival " + arrival : "--external-rate", attempts, static_cast<double>(attempts) / in_a_day));
  }
}

// Of a closed loop the program chooses the room itself.
void bound_attempts(const RunRequest& request) {
  constexpr double most = 100'000'000;
  for (const std::string& arrival : arrivals_of(request)) {
    const auto due = request.duration ? attempts_within(arrival, *request.duration) : usual_attempts(arrival);
    if (due && (request.attempts == 0 || request.duration) && *due > most)
      refuse_flag("--arrival", fmt::format("{} has {:.3g} attempts; a wave makes at most {:.0f}", arrival, *due, most));
  }
}

void find_hosts(RunRequest& request) {
  for (NamedTarget& host : request.targets) {
    if (!is_external(host)) continue;
    std::string why_not = fmt::format("{} can be reached over families 4 and 6 only", host.name);
    for (const Family family : request.families) {
      if (!external_target.serves(family)) continue;
      Lookup lookup = look_up(host, family);
      if (lookup.machine_failed) throw MachineLacks(fmt::format("--target: {}", lookup.why_not));
      if (lookup.found) host.addresses.push_back(*lookup.found);
      if (!lookup.found) why_not = std::move(lookup.why_not);
    }
    if (host.addresses.empty()) refuse_flag("--target", why_not);
    refuse_same_address(request, host);
    add_other_families(host);
  }
}

void choose_network(const RunFlags& flags, RunOptions& options) {
  const std::vector<NamedTarget> targets = all_targets_of(options.request);
  const auto of_lab = std::ranges::find_if(targets, [](const NamedTarget& t) { return t.needs_lab(); });
  const auto outside = std::ranges::find_if(targets, is_external);
  options.needs_lab = !flags.sysctls.empty() || !flags.pcap.empty();
  if (of_lab == targets.end() && !options.needs_lab) return;
  if (outside != targets.end())
    throw std::invalid_argument(
        fmt::format("{} the lab's network, which has no way out, and {} is outside it: one run cannot measure both",
                    of_lab == targets.end() ? "--sysctl and --pcap apply to" : of_lab->name + " is in", outside->name));
  options.lab = {.sysctls = for_each_text<lab::Sysctl>("--sysctl", flags.sysctls, lab::parse_sysctl),
                 .cpus = options.placement.link,
                 .seed = options.request.seed};
  options.lab->capture = !flags.pcap.empty();
  options.pcap = flags.pcap;
}

}  // namespace connbench
