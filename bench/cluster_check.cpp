#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/cluster_run.h"
#include "bench/cluster_worker.h"
#include "bench/commands.h"
#include "bench/screen.h"
#include "cluster/job.h"
#include "cluster/job_folder.h"
#include "cluster/preflight.h"
#include "harness/process/stop_signal.h"
#include "harness/support/text_table.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

using cluster::Json;

std::string text_of(const Json& hello, const char* of, const char* what) {
  const Json& value = hello.value(of, Json::object()).value(what, Json());
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "-" : value.dump();
}

TextTable table_of(const std::vector<cluster::Examined>& hosts, const std::map<std::string, std::string>& bounds) {
  TextTable table;
  for (const char* heading : {"host", "version", "kernel", "processors", "descriptors", "ports", "clock\nbound", "lab"})
    table.columns.push_back({.heading = heading});
  table.columns.back().least = 20;
  for (const cluster::Examined& host : hosts) {
    const Json& hello = host.hello;
    if (!host.why_not.empty()) {
      table.notes[table.rows()] = {host.why_not};
      table.add_row({host.host.name, "-", "-", "-", "-", "-", "-", "-"});
      continue;
    }
    const auto bound = bounds.find(host.host.name);
    table.add_row({host.host.name, hello.value("version", "-"), text_of(hello, "kernel", "release"),
                   hello.value("processors", Json(0)).dump(), text_of(hello, "limits", "descriptors"),
                   text_of(hello, "limits", "ports"), bound == bounds.end() ? "-" : bound->second,
                   hello.value("why_no_lab", Json()).is_null() ? "yes" : hello.at("why_no_lab").get<std::string>()});
  }
  return table;
}

/// What the job found out: which hosts answer, and how well their clocks can be compared.
struct JobCheck {
  std::vector<cluster::Examined> hosts{};
  std::map<std::string, std::string> bounds{};
  std::string failure{};  // "" = the job can begin
};

JobCheck check_job(const ClusterOptions& options, StopSignal& stop) {
  JobCheck check;
  try {
    std::optional<cluster::JobFolder> folder;
    if (!options.has_own_launcher()) folder.emplace(parent_of_job_folder(options));
    cluster::Job job(launch_command(options, folder ? folder->path() : ""), [&stop] { return stop.pending() != 0; });
    job.await_hosts(options.has_own_launcher() ? std::nullopt : std::optional(options.hosts().size()));
    std::vector<int32_t> ranks;
    for (const cluster::Host& host : job.hosts()) {
      ranks.push_back(host.rank);
      check.hosts.push_back({{host.name, ""}, host.hello, ""});
    }
    for (const cluster::ClockReading& reading : job.measure_clocks(ranks))
      if (reading.bound_ns >= 0) check.bounds[job.host(reading.rank).name] = human_readable(Duration(reading.bound_ns));
    if (!job.lost().empty()) check.failure = fmt::format("{}: {}", job.lost().front().host, job.lost().front().why);
  } catch (const cluster::HostMissing& error) {
    check.failure = error.what();
  }
  return check;
}

}  // namespace

int check_cluster(const ClusterFlags& flags) {
  const ClusterOptions options = read_cluster(flags);
  require_launcher(options);
  StopSignal stop;
  const auto should_stop = [&stop] { return stop.pending() != 0; };
  std::vector<cluster::Examined> hosts;
  if (!options.has_own_launcher()) hosts = cluster::examine(options.hosts(), options.reach, should_stop);
  std::string failure = why_not_all(hosts, program_version());
  JobCheck job;
  if (failure.empty() && !should_stop()) {
    job = check_job(options, stop);
    failure = job.failure;
    if (hosts.empty()) hosts = job.hosts;
    if (failure.empty()) failure = why_not_all(hosts, program_version());
  }
  if (should_stop()) return signal_base + stop.pending();
  print_out(TableWriter(screen_width()).table(table_of(hosts, job.bounds)));
  if (failure.empty()) {
    print_out("a run can begin on all of these hosts\n");
    return done;
  }
  say(fmt::format("no run can begin: {}", failure));
  return machine_lacks;
}

}  // namespace connbench
