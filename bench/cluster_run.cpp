#include "bench/cluster_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "bench/cluster_dry_run.h"
#include "bench/cluster_each.h"
#include "bench/cluster_worker.h"
#include "bench/commands.h"
#include "bench/measured_run.h"
#include "bench/requirements.h"
#include "bench/run_options.h"
#include "bench/run_settings.h"
#include "bench/screen.h"
#include "cluster/cluster_site.h"
#include "cluster/job.h"
#include "cluster/job_folder.h"
#include "harness/record/summary.h"
#include "harness/run/pending_room.h"
#include "harness/support/joined.h"
#include "harness/targets/served_elsewhere.h"

namespace connbench {
namespace {

using cluster::Job;
using cluster::Json;

constexpr Duration preparing = std::chrono::seconds(60);  // a host probes every connector, and makes its lab

std::vector<NamedTarget> targets_of(const RunRequest& request) {
  std::vector<NamedTarget> targets = request.targets;
  for (const Mix& mix : request.mixes)
    for (const Mix::Part& part : mix.parts) targets.push_back(part.target);
  return targets;
}

void check_served(const RunOptions& options) {
  for (const NamedTarget& target : targets_of(options.request))
    if (!can_be_served(target))
      throw std::invalid_argument(fmt::format(
          "--serve: {} cannot be served to other hosts; without --serve, every host has its own", target.name));
  if (options.needs_lab)
    throw std::invalid_argument("--serve: --sysctl and --pcap need the lab, which every host has for itself");
  if (std::ranges::count(options.request.families, Family::unix_domain) > 0)
    throw std::invalid_argument("--serve: a UNIX socket cannot be reached from other hosts; leave --family unix out");
}

void check_division(const RunRequest& request, size_t hosts) {
  const size_t least = *std::ranges::min_element(request.concurrency);
  if (hosts * request.shards > least)
    throw std::invalid_argument(
        fmt::format("--concurrency {} on {} hosts: each needs at least one attempt in flight{}; raise it", least, hosts,
                    request.shards == 1 ? "" : fmt::format(" in each of its {} shards", request.shards)));
}

/// The ranks by what they do.
struct Roles {
  std::vector<int32_t> clients, servers;
};

// Ranks of a launcher of the user's have the names of their machines.
Roles roles_of(const Job& job, const ClusterOptions& options) {
  Roles roles;
  for (const cluster::Host& host : job.hosts()) {
    const bool serves = std::ranges::count(options.servers, host.name, &cluster::HostName::name) > 0;
    (serves ? roles.servers : roles.clients).push_back(host.rank);
  }
  if (roles.servers.size() != options.servers.size())
    throw std::invalid_argument("--serve names a host that is not among those of --launcher");
  if (roles.clients.empty()) throw std::invalid_argument("--serve: all hosts serve, and none is left to connect");
  return roles;
}

void require_one_version(const Job& job) {
  for (const cluster::Host& host : job.hosts())
    if (const std::string why = cluster::why_not({{host.name, ""}, host.hello, ""}, program_version()); !why.empty())
      throw MachineLacks(why);
}

// What was done to a host.
void take_notes(const std::string& host, const Json& answer, std::vector<std::string>& notes) {
  for (const Json& note : answer.at("notes")) {
    notes.push_back(fmt::format("{}: {}", host, note.get<std::string>()));
    say(notes.back());
  }
}

/// The targets that the servers have opened, as the clients are told. @param notes gets what was done to the hosts
Json open_servers(Job& job, const ClusterOptions& options, const Roles& roles, const Json& settings,
                  std::vector<std::string>& notes) {
  Json served = Json::array();
  for (const int32_t rank : roles.servers) {
    const auto& name = *std::ranges::find(options.servers, job.host(rank).name, &cluster::HostName::name);
    job.tell(rank, {{"is", "serve"},
                    {"settings", settings},
                    {"clients", roles.clients.size()},
                    {"at", name.address.empty() ? name.name : name.address}});
  }
  for (const int32_t rank : roles.servers) {
    const Json answer = job.answer(rank, preparing);
    for (const Json& target : answer.at("targets")) served.push_back(target);
    take_notes(job.host(rank).name, answer, notes);
  }
  return served;
}

/// What every client can measure, case by case. @param notes gets what was done to the hosts
std::vector<std::pair<std::string, Json>> judge_cases(Job& job, const Roles& roles, const Json& settings,
                                                      const Json& served, std::vector<std::string>& notes) {
  for (size_t i = 0; i < roles.clients.size(); ++i)
    job.tell(roles.clients[i], {{"is", "connect"},
                                {"settings", settings},
                                {"clients", roles.clients.size()},
                                {"share", i},
                                {"served", served}});
  std::vector<std::pair<std::string, Json>> judged;
  for (const int32_t rank : roles.clients) {
    const Json answer = job.answer(rank, preparing);
    judged.emplace_back(job.host(rank).name, answer.at("cases"));
    take_notes(job.host(rank).name, answer, notes);
  }
  return judged;
}

/// A plan of the cases that all clients can measure, and the number of each among all cases.
struct ClusterPlan {
  Plan plan;
  std::vector<size_t> numbers;
};

ClusterPlan plan_of(const RunRequest& request, const std::vector<std::pair<std::string, Json>>& judged) {
  std::vector<size_t> numbers;
  size_t next = 0;
  Plan plan = make_plan(request, [&](PlannedCase& planned) -> std::optional<std::string> {
    const size_t number = next++;
    for (const auto& [host, cases] : judged)
      if (const Json& answer = cases.at(number); answer.contains("reason"))
        return fmt::format("on {}: {}", host, answer.at("reason").get<std::string>());
    planned.capabilities = cluster::read_capabilities(judged.front().second.at(number).at("capabilities"));
    numbers.push_back(number);
    return std::nullopt;
  });
  return {std::move(plan), std::move(numbers)};
}

/// Every client claims the folder of the records on its host. Nobody begins before all have one.
cluster::SamplesOnHosts keep_samples(Job& job, const Roles& roles, const RunRequest& request,
                                     const std::filesystem::path& folder) {
  cluster::SamplesOnHosts kept{.seed = request.seed, .quantiles = quantiles_of_a_row(request.percentiles)};
  for (const int32_t rank : roles.clients)
    job.tell(rank, {{"is", "keep"}, {"rank", rank}, {"folder", std::filesystem::absolute(folder).string()}});
  for (const int32_t rank : roles.clients)
    if (const std::string file = job.answer(rank, preparing).at("file"); !file.empty()) kept.files.push_back(file);
  return kept;
}

// As scp takes them: "samples: a:/data/run/samples.0.csv b:/data/run/samples.1.csv".
void print_where_samples_are(const Job& job, const Roles& roles, const std::vector<std::string>& files) {
  if (files.empty()) return;
  std::string line = "samples:";
  for (size_t i = 0; i < files.size(); ++i) line += fmt::format(" {}:{}", job.host(roles.clients[i]).name, files[i]);
  print_out(line + "\n");
}

// The records that this machine has of the run.
struct Records {
  std::string run_id;
  RunFolder folder;
};

int measure_on(Job& job, const ClusterOptions& cluster_options, RunOptions& options, Records records,
               StopSignal& stop) {
  const Roles roles = roles_of(job, cluster_options);
  options.request.hosts = roles.clients.size();
  options.request.agreed_begin = true;
  check_division(options.request, roles.clients.size());
  const Json served = open_servers(job, cluster_options, roles, *options.settings, options.notes);
  const auto judged = judge_cases(job, roles, *options.settings, served, options.notes);
  const auto [plan, numbers] = plan_of(options.request, judged);
  if (plan.cases.empty())
    throw MachineLacks(fmt::format("nothing that was asked for can run on these hosts: {}: {}",
                                   plan.skipped.front().what.describe(), plan.skipped.front().reason));
  std::optional<cluster::SamplesOnHosts> kept;
  std::vector<std::string> files;
  if (samples_stay_on_hosts(options.request, plan, cluster_options.keep_samples_above))
    files = kept.emplace(keep_samples(job, roles, options.request, records.folder.path())).files;
  RunInfo info = describe_run(options, std::move(records.run_id));
  info.cluster = true;
  info.samples_on_hosts = kept.has_value();
  info.network = options.lab ? "lab" : "host";
  const Json& origin = job.host(0).hello.at("origin");  // all stamps are on the clock of rank 0
  info.origin = {.monotonic_ns = origin.at("monotonic_ns"), .realtime_ns = origin.at("realtime_ns")};
  for (const int32_t rank : roles.clients)
    if (cluster_options.by_host) options.by_host[std::to_string(rank)] = job.host(rank).name;
  Recorder recorder(std::move(records.folder), info);
  Progress progress(plan, options.progress);
  cluster::ClusterSite site(
      job,
      {.clients = roles.clients, .servers = roles.servers, .plan = &plan, .numbers = numbers, .kept = std::move(kept)},
      stop, [&](Json description) { recorder.cluster(std::move(description)); });
  const int status = measure_plan(options, plan, site, recorder, stop, progress);
  print_where_samples_are(job, roles, files);
  return status;
}

// Without MPI, and so with an end: a program that is missing on one host makes mpirun wait for ever.
void require_hosts(const ClusterOptions& options, StopSignal& stop) {
  if (options.has_own_launcher()) return;
  const auto examined = cluster::examine(options.hosts(), options.reach, [&stop] { return stop.pending() != 0; });
  if (stop.pending() != 0) return;
  if (const std::string why = why_not_all(examined, program_version()); !why.empty()) throw MachineLacks(why);
}

int interrupted_before_measuring(int signal) {
  say("interrupted before anything was measured");
  return signal_base + signal;
}

/// How the run on a job's hosts ended.
struct JobEnd {
  int status;
  std::vector<std::string> lost{};  ///< hosts, other than by the end of the whole job
};

JobEnd end_of(const Job& job, int status) {
  JobEnd end{.status = status};
  for (const cluster::Loss& loss : job.lost())
    if (!loss.with_job) end.lost.push_back(loss.host);
  return end;
}

JobEnd run_job(const ClusterOptions& cluster_options, RunOptions& options, StopSignal& stop) {
  require_hosts(cluster_options, stop);
  if (stop.pending() != 0) return {interrupted_before_measuring(stop.pending())};
  const std::string run_id = new_run_id();
  RunFolder folder(options.out.value_or(default_run_folder(run_id)));
  try {
    std::optional<cluster::JobFolder> job_folder;
    if (!cluster_options.has_own_launcher()) job_folder.emplace(parent_of_job_folder(cluster_options));
    Job job(launch_command(cluster_options, job_folder ? job_folder->path() : ""),
            [&stop] { return stop.pending() != 0; });
    job.await_hosts(cluster_options.has_own_launcher() ? std::nullopt : std::optional(cluster_options.hosts().size()));
    if (stop.pending() == 0) require_one_version(job);
    if (stop.pending() == 0 && cluster_options.each_host)
      return {run_on_each_host(job, *options.settings, folder.path(), stop)};
    if (stop.pending() == 0)
      return end_of(job, measure_on(job, cluster_options, options, {run_id, std::move(folder)}, stop));
  } catch (const cluster::HostMissing& error) {
    if (stop.pending() == 0) throw MachineLacks(error.what());
  }
  return {interrupted_before_measuring(stop.pending())};
}

// Whether enough hosts are left for a run.
bool leave_out(const std::vector<std::string>& lost, ClusterOptions& options) {
  const bool served = !options.servers.empty();
  for (auto* hosts : {&options.clients, &options.servers})
    std::erase_if(*hosts, [&](const cluster::HostName& host) { return std::ranges::count(lost, host.name) > 0; });
  return !options.clients.empty() && served == !options.servers.empty();
}

std::filesystem::path numbered(const std::filesystem::path& folder, unsigned number) {
  return fmt::format("{}.{}", (folder.has_filename() ? folder : folder.parent_path()).string(), number);
}

// MPI is not trusted after a loss: what goes on is a new run, in a new job.
int run_jobs(ClusterOptions cluster_options, const RunOptions& options) {
  StopSignal stop;
  RunOptions next = options;
  std::vector<std::string> gone;
  for (unsigned number = 2;; ++number) {
    const auto [status, lost] = run_job(cluster_options, next, stop);
    if (!cluster_options.continue_without || stop.pending() != 0) return status;
    if (lost.empty()) {
      if (status == 5) say("--continue-without: no single host was lost, so no new run begins");
      return status;
    }
    gone.insert(gone.end(), lost.begin(), lost.end());
    const std::string without = joined(gone, ", ");
    if (!leave_out(lost, cluster_options)) {
      say(fmt::format("--continue-without: without {}, too few hosts are left", without));
      return status;
    }
    next = options;
    next.notes.push_back(fmt::format("this run was begun after others had lost {}", without));
    while (options.out && std::filesystem::exists(numbered(*options.out, number))) ++number;
    if (options.out) next.out = numbered(*options.out, number);
    say(fmt::format("a new run begins without {}", without));
  }
}

// With --limits, no host is asked.
int print_dry_run(const ClusterFlags& flags, const ClusterOptions& cluster_options, RunOptions& options) {
  if (cluster_options.has_own_launcher())
    throw std::invalid_argument(
        "--dry-run: which hosts --launcher would start is not known; give --host with --limits");
  std::vector<LimitedHost> hosts;
  for (const cluster::HostName& host : cluster_options.clients) hosts.push_back({host.name, read_limits(flags.limits)});
  if (flags.limits.empty()) {
    StopSignal stop;
    const auto examined =
        cluster::examine(cluster_options.clients, cluster_options.reach, [&stop] { return stop.pending() != 0; });
    if (stop.pending() != 0) return interrupted_before_measuring(stop.pending());
    for (size_t i = 0; i < hosts.size(); ++i) {
      if (!examined[i].why_not.empty()) throw MachineLacks(fmt::format("{}: {}", hosts[i].name, examined[i].why_not));
      const Json& limits = examined[i].hello.at("limits");
      hosts[i].limits = {.descriptors = limits.at("descriptors").get<uint64_t>(),
                         .ports = limits.at("ports").get<uint64_t>(),
                         .memory = {}};
    }
  }
  options.request.hosts = hosts.size();
  const DryRun result =
      dry_run(options, hosts, cluster_options.servers.size(), cluster_options.keep_samples_above, screen_width());
  print_out(result.text);
  return result.stops ? machine_lacks : done;
}

}  // namespace

int run_on_cluster(const ClusterFlags& flags) {
  const ClusterOptions cluster_options = read_cluster(flags);
  const RunFlags run_flags = with_repeated(flags.run);
  RunOptions options = parse(run_flags);
  options.settings = std::make_shared<nlohmann::ordered_json>(settings_of(run_flags, options.request));
  if (!cluster_options.servers.empty()) check_served(options);
  if (!options.pcap.empty()) throw std::invalid_argument("--pcap: packets are captured on one machine only");
  if (!cluster_options.has_own_launcher() && !cluster_options.each_host)
    check_division(options.request, cluster_options.clients.size());
  if (options.dry_run && !cluster_options.each_host) return print_dry_run(flags, cluster_options, options);
  if (options.dry_run)
    throw std::invalid_argument(
        "--dry-run: with --each-host, every host makes the run that connbench run --dry-run shows");
  require_launcher(cluster_options);
  require_machine();
  return run_jobs(cluster_options, options);
}

}  // namespace connbench
