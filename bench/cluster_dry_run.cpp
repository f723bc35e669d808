#include "bench/cluster_dry_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "bench/flags.h"
#include "harness/process/descriptor_table.h"
#include "harness/record/run_folder.h"
#include "harness/record/samples.h"
#include "harness/record/schema.h"
#include "harness/run/pending_room.h"
#include "harness/support/joined.h"
#include "harness/support/quantity.h"
#include "harness/support/text_table.h"
#include "harness/support/units.h"
#include "harness/wave/division.h"
#include "harness/wave/share.h"

namespace connbench {
namespace {

constexpr uint64_t usual_ports = 28'232;     // net.ipv4.ip_local_port_range is 32768 60999 unless somebody changes it
constexpr uint64_t most_destinations = 250;  // of a target on one host (--addresses)
constexpr double page = 4096;
// Where samples stay: an attempt has a value of at most four figures (Figure), in vectors that grow. They are made when
// the sockets are closed.
constexpr double figures_of_an_attempt = 2 * 4 * sizeof(int64_t);

/// What a host needs for its part of a wave.
struct Need {
  uint64_t at_once;       // attempts that hold a socket at one time
  uint64_t descriptors;   // in each shard's table
  uint64_t ports;         // towards one destination
  uint64_t destinations;  // of the target
  uint64_t memory;        // kernel, user and samples, or after the wave the values of figures and samples
  uint64_t samples;       // bytes of samples.csv
};

// @param kept its samples stay there
Need need_of(const PlannedCase& planned, const RunOptions& options, size_t host, size_t servers, uint64_t ports,
             bool kept) {
  const Case part = part_of(planned.what, {host, planned.what.hosts});
  const CloseMode close = planned.connector->policy(options.request.policy).close;
  Need need{};
  need.at_once = close == CloseMode::hold ? part.attempts : std::min(part.concurrency, part.attempts);
  const bool unknown = planned.lasts > Duration::zero();  // how many there will be
  const uint64_t ports_at_once = close == CloseMode::rst || unknown ? need.at_once : part.attempts;
  const uint64_t each = std::max<uint64_t>(1, ports / 4);
  const uint64_t wanted = options.request.addresses.value_or((ports_at_once + each - 1) / each);
  need.destinations = std::clamp<uint64_t>(wanted, 1, most_destinations) * std::max<size_t>(1, servers);
  need.ports = (ports_at_once + need.destinations - 1) / need.destinations;
  need.descriptors = Division{part.attempts, part.shards}.largest_share(need.at_once) + descriptors_of_the_harness;
  const double socket = usual_pending_cost.slab_bytes + usual_pending_cost.tcp_pages * page + pending_user_bytes;
  const double sockets = socket * static_cast<double>(need.at_once);
  const double groups = planned.mix != nullptr ? 2 : 1;  // a fleet's values are there as a whole and for each target
  const double figures = kept ? groups * figures_of_an_attempt * static_cast<double>(part.attempts) : 0;
  need.memory = static_cast<uint64_t>(std::max(sockets, figures)) + part.attempts * sizeof(Sample);
  need.samples = estimate_samples_bytes(new_run_id(), part, options.samples);
  return need;
}

std::string too_many(std::string_view what, uint64_t needed, std::optional<uint64_t> limit, std::string_view remedy) {
  if (!limit || needed <= *limit) return "";
  return fmt::format("{} {} are needed, and {} are there: {}", grouped(needed), what, grouped(*limit), remedy);
}

std::vector<std::string> obstacles(const Need& need, const HostLimits& limits) {
  std::vector<std::string> all{
      too_many("descriptors in a shard", need.descriptors, limits.descriptors,
               "raise RLIMIT_NOFILE there, or --shards, or take more hosts"),
      too_many("ports towards one address", need.ports, limits.ports,
               "widen net.ipv4.ip_local_port_range there, raise --addresses, or take more hosts"),
      too_many("bytes of memory", need.memory, limits.memory, "lower --concurrency, or take more hosts")};
  std::erase(all, "");
  return all;
}

// "n1", "n1 and 19 others"
std::string shortened_list(const std::vector<std::string>& hosts) {
  if (hosts.size() < 3) return joined(hosts, ", ");
  return fmt::format("{} and {} others", hosts.front(), hosts.size() - 1);
}

std::string megabytes(uint64_t bytes) {
  return grouped(fmt::format("{:.0f}", static_cast<double>(bytes) / 1e6));
}

uint64_t all_samples(const Plan& plan) {
  return std::accumulate(plan.waves.begin(), plan.waves.end(), uint64_t{0}, [&](uint64_t sum, const PlannedWave& wave) {
    return sum + plan.cases[wave.which].what.attempts;
  });
}

std::string where_samples_are(const RunOptions& options, const Plan& plan, uint64_t keep_samples_above) {
  if (samples_stay_on_hosts(options.request, plan, keep_samples_above))
    return options.samples == SamplesKept::none
               ? "Samples stay on their hosts, and none are recorded."
               : fmt::format("Every host keeps its own samples, because there are {}: {}, and so on.",
                             grouped(all_samples(plan)), samples_of_rank(samples_file(options.compression), 0));
  uint64_t most = 0;
  for (const PlannedCase& planned : plan.cases) most = std::max<uint64_t>(most, planned.what.attempts * sizeof(Sample));
  return fmt::format("This machine keeps the samples of a wave: {} MB of memory.", megabytes(most));
}

TextTable empty_table() {
  TextTable table;
  table.columns.push_back({.heading = "host"});
  for (const char* heading : {"attempts", "in flight", "descriptors\n/shard", "ports\n/address", "addresses",
                              "memory MB", "samples MB", "time"})
    table.columns.push_back({.heading = heading, .align = Align::right});
  return table;
}

}  // namespace

HostLimits read_limits(const std::vector<std::string>& texts) {
  HostLimits limits;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    one_of("--limits", name, {"descriptors", "ports", "memory"});
    if (equals == std::string::npos) refuse_flag("--limits", fmt::format("'{}' should look like {}=1000", text, name));
    const std::string value = text.substr(equals + 1);
    auto& limit = name == "descriptors" ? limits.descriptors : name == "ports" ? limits.ports : limits.memory;
    limit = for_flag("--limits", [&] { return name == "memory" ? parse_size(value) : parse_count(value); });
  }
  return limits;
}

bool samples_stay_on_hosts(const RunRequest& request, const Plan& plan, uint64_t keep_samples_above) {
  return !request.find_rate && all_samples(plan) > keep_samples_above;
}

DryRun dry_run(const RunOptions& options, const std::vector<LimitedHost>& hosts, size_t servers,
               uint64_t keep_samples_above, size_t width) {
  // Nothing is tried here: connectors are taken for able, as most of them are.
  const Plan plan = make_plan(options.request, [](PlannedCase&) { return std::nullopt; });
  const bool kept = samples_stay_on_hosts(options.request, plan, keep_samples_above);
  TableWriter writer(width);
  DryRun result;
  std::map<std::string, std::vector<std::string>> stops;  // what stops the run, and on which hosts
  for (const PlannedCase& planned : plan.cases) {
    TextTable table = empty_table();
    for (size_t i = 0; i < hosts.size(); ++i) {
      const auto& [name, limits] = hosts[i];
      const Need need = need_of(planned, options, i, servers, limits.ports.value_or(usual_ports), kept);
      const Case part = part_of(planned.what, {i, hosts.size()});
      const bool by_time = planned.lasts > Duration::zero();
      const std::string amount = by_time ? format_duration(planned.lasts) : grouped(part.attempts);
      table.add_row({name, amount, grouped(part.concurrency), grouped(need.descriptors), grouped(need.ports),
                     grouped(need.destinations), megabytes(need.memory), megabytes(need.samples),
                     human_readable(planned.expected)});
      for (const std::string& stop : obstacles(need, limits))
        if (std::ranges::count(stops[stop], name) == 0) stops[stop].push_back(name);
    }
    result.text += writer.paragraph(planned.what.describe()) + writer.table(table);
  }
  result.text += writer.paragraph(fmt::format("{} waves, seed {}, about {}. {}", plan.waves.size(),
                                              options.request.seed, human_readable(plan.expected),
                                              where_samples_are(options, plan, keep_samples_above)));
  for (const auto& [stop, where] : stops)
    result.text += writer.paragraph(fmt::format("would stop it on {}: {}", shortened_list(where), stop));
  result.stops = !stops.empty();
  if (!result.stops) result.text += "nothing that is known would stop it\n";
  return result;
}

}  // namespace connbench
