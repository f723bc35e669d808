#include "bench/cluster_worker.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bench/capacity.h"
#include "bench/cluster_each.h"
#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/requirements.h"
#include "bench/run_description.h"
#include "bench/run_options.h"
#include "bench/run_settings.h"
#include "bench/version.h"
#include "bench/worker_samples.h"
#include "bench/worker_talk.h"
#include "cluster/job_folder.h"
#include "harness/machine/interference.h"
#include "harness/machine/machine.h"
#include "harness/machine/processors.h"
#include "harness/machine/shortage.h"
#include "harness/record/origin.h"
#include "harness/run/destinations.h"
#include "harness/run/local_site.h"
#include "harness/run/pending_room.h"
#include "harness/targets/external.h"
#include "harness/targets/served_elsewhere.h"
#include "harness/wave/division.h"

namespace connbench {
namespace {

using cluster::Json;

class Unobserved final : public SessionObserver {
 public:
  void on_wave(const PlannedCase&, unsigned, WavePurpose, size_t, size_t) override {}
};

/// The run that every host is part of, as the conductor's flags describe it.
struct WholeRun {
  RunFlags flags{};
  RunOptions options;
};

WholeRun read_run(const Json& order) {
  RunFlags flags;
  take_settings(order.at("settings"), flags);
  WholeRun run{.flags = flags, .options = parse(flags)};
  run.options.request.hosts = order.at("clients");
  run.options.request.agreed_begin = true;
  return run;
}

// Of this machine, as far as the user allows it. @param hosts that divide the attempts between them
std::unique_ptr<TcpMemory> raise_own_tcp_memory(WholeRun& run, size_t hosts) {
  if (!run.flags.allow_tcp_memory) return nullptr;
  auto memory = raise_tcp_memory((most_pending(run.options.request) + hosts - 1) / hosts);
  if (memory != nullptr) run.options.notes.push_back(memory->describe());
  return memory;
}

/// This machine's part of each wave.
class WorkerSite final : public LocalSite {
 public:
  WorkerSite(const RunOptions& options, const Plan& plan, StopSignal& stop, SessionObserver& observer, WorkerTalk& talk,
             const WaveShare& share)
      : LocalSite(options.request, plan, options.placement, stop, observer), talk_(talk) {
    take_share(share);
  }

  bool should_stop() override {
    talk_.look();
    return talk_.stop_asked() || LocalSite::should_stop();
  }
  void on_ready() override { talk_.say_of_wave({{"is", "ready"}}); }
  std::optional<TimePoint> agreed_begin() override {
    talk_.look();
    return talk_.take_begin();
  }

 private:
  WorkerTalk& talk_;
};

/// Obeys the orders of a run's conductor, once there is a plan.
class Client {
 public:
  Client(const RunOptions& options, WorkerTalk& talk, const WaveShare& share)
      : options_(options), talk_(talk), share_(share) {}

  int obey() {
    plan_.emplace(judged());
    require_capacity(*plan_, options_.request.policy.close);
    StopSignal stop;
    Unobserved observer;
    WorkerSite site(options_, *plan_, stop, observer, talk_, share_);
    talk_.say({{"is", "cases"}, {"cases", answers_}, {"notes", options_.notes}});
    while (const auto order = talk_.next()) obey(*order, site);
    return done;
  }

 private:
  Plan judged() {
    const CaseJudge judge = judge_here(options_.request);
    return make_plan(options_.request, [&](PlannedCase& planned) {
      auto reason = judge(planned);
      numbers_.push_back(reason ? std::nullopt : std::optional(planned_++));
      answers_.push_back(reason ? Json{{"reason", *reason}}
                                : Json{{"capabilities", cluster::json_of(planned.capabilities)}});
      return reason;
    });
  }

  const PlannedCase& case_of(const Json& order) const {
    return plan_->cases.at(numbers_.at(order.at("case").get<size_t>()).value());
  }

  void obey(const Json& order, WorkerSite& site) {
    const std::string is = order.at("is");
    if (is == "open") talk_.say({{"is", "opened"}, {"destinations", site.open(case_of(order))}});
    if (is == "counting") {
      counting_ = site.counting();
      talk_.say({{"is", "counting"}, {"method", counting_.method}, {"why", counting_.why_not}});
    }
    if (is == "wave") run_wave(order, site);
    if (is == "keep") {
      kept_.emplace(order, options_, share_);
      talk_.say({{"is", "keeps"}, {"file", kept_->file()}});
    }
    if (is == "figures") talk_.say_of_wave(kept_.value().figures(order));
    if (is == "up_to") talk_.say_of_wave(kept_.value().up_to(order));
    if (is == "rows") {
      talk_.forget_stop();  // the loss of a host stops the others' wave, and all that they measured is kept
      talk_.say_of_wave(kept_.value().append_rows(order, [this] { return should_stop(); }));
    }
    if (is == "finish") {
      kept_.value().finish();
      talk_.say({{"is", "finished"}});
    }
  }

  bool should_stop() {
    talk_.look();
    return talk_.stop_asked();
  }

  void run_wave(const Json& order, WorkerSite& site) {
    PlannedCase planned = case_of(order);
    planned.what.attempts = order.at("attempts");
    planned.what.scenario = order.at("scenario");
    planned.load = order.at("load");
    planned.limit = Duration(order.at("limit_ns").get<int64_t>());
    const bool counting = order.at("counting");
    if (!counting) site.look_at_others();
    if (kept_) kept_->forget();
    auto samples = std::make_unique<SampleBuffer>(part_of(planned.what, share_).attempts);
    talk_.start_wave(order.at("number"));
    const WaveResult result =
        site.wave(planned, *samples, order.at("repetition"), counting ? counting_.method : std::string_view());
    if (!counting && !kept_) say_samples(samples->samples(), result, planned.what.shards);
    if (!counting && kept_) kept_->take(std::move(samples), result, planned);
    Json said = cluster::json_of(result);
    said["fitness"] = cluster::json_of(site.fitness());
    talk_.say_of_wave(std::move(said));
    if (site.state() == SessionEnd::broke && !site.died().empty())
      throw std::runtime_error(fmt::format("{} died", site.died()));
  }

  // Of a wave that was stopped, or that had a given time, only what was offered.
  void say_samples(std::span<const Sample> samples, const WaveResult& result, size_t shards) {
    constexpr size_t at_once = cluster::usual_payload / sizeof(Sample);
    const Division division{samples.size(), shards};
    for (size_t shard = 0; shard < shards; ++shard) {
      const size_t count = result.offered.empty() ? division.count(shard) : result.offered[shard];
      for (size_t i = 0; i < count; i += at_once) {
        const size_t first = division.first(shard) + i;
        Json message = cluster::samples_message(samples.subspan(first, std::min(at_once, count - i)), first);
        message["shards"] = shards;
        talk_.say_of_wave(std::move(message));
      }
    }
  }

  const RunOptions& options_;
  WorkerTalk& talk_;
  WaveShare share_;
  std::optional<Plan> plan_;
  Json answers_ = Json::array();                // about every case, in order
  std::vector<std::optional<size_t>> numbers_;  // of every case in the plan; nullopt = skipped
  size_t planned_ = 0;
  SyscallCounting counting_;
  std::optional<WorkerSamples> kept_;  // in a run whose samples stay on the hosts
};

Family family_of(const std::string& text) {
  return read_family("family", text, {"4", "6", "unix"});
}

int connect_from_here(const Json& order, WorkerTalk& talk) {
  WholeRun run = read_run(order);
  RunOptions& options = run.options;
  const std::unique_ptr<TcpMemory> memory = raise_own_tcp_memory(run, options.request.hosts);
  ServedElsewhere served;
  for (const Json& one : order.at("served"))
    served.add(one.at("target"), family_of(one.at("family")), cluster::read_endpoints(one.at("endpoints")));
  if (!order.at("served").empty()) options.request.served = &served;
  const WaveShare share{order.at("share"), order.at("clients")};
  const auto obey = [&] {
    require_placement(options.placement);
    return Client(options, talk, share).obey();
  };
  if (!options.lab) {
    require_proc();
    return obey();
  }
  try {
    return lab::run_in_lab(*options.lab, [&](lab::Lab& lab) {
      options.request.lab = &lab;
      return obey();
    });
  } catch (const lab::Unavailable& error) {
    options.request.why_no_lab = error.what();
    return obey();
  }
}

// Where the others reach this host.
Endpoint own_address(const std::string& name, Family family) {
  const bool ipv6 = name.find(':') != std::string::npos;
  const Lookup found = look_up(parse_external(ipv6 ? fmt::format("[{}]:1", name) : name + ":1"), family);
  if (!found.found) throw std::runtime_error(found.why_not);
  const Endpoint& address = found.found->endpoint;
  if (address.to_string().starts_with("127.") || address.to_string().starts_with("[::1]"))
    throw std::runtime_error(fmt::format("here, {} is {}, which other hosts cannot reach: write --serve {}=ADDRESS",
                                         name, address.to_string(), name));
  return address;
}

// As many connections as the whole run holds, because every host connects to here.
size_t ports_held(const RunRequest& request) {
  Plan plan;
  size_t attempts = 0;
  for (const std::string& arrival : arrivals_of(request)) attempts = std::max(attempts, attempts_of(request, arrival));
  for (const NamedConnector& connector : request.connectors) {
    PlannedCase planned{.what = {}, .connector = &connector, .target = nullptr, .limit = {}};
    planned.what.attempts = attempts;
    plan.cases.push_back(std::move(planned));
  }
  return most_ports_held(request, plan, attempts);
}

// What this host's servers have cost so far, at the request of the conductor; -1 = not known. That of a server that
// never sleeps says nothing about the load.
Json usage_of_servers(const std::vector<std::unique_ptr<Target>>& targets, bool spin, InterferenceWatch& others) {
  int64_t cpu = 0, overflows = -1;
  size_t serving = 0;
  for (const auto& target : targets) {
    const Usage usage = read_usage_before(target->server());
    overflows = usage.listen_overflows;
    if (target->server() == 0) continue;
    ++serving;
    if (const std::string why = target->why_server_failed(); !why.empty()) throw std::runtime_error(why);
    cpu = cpu < 0 || usage.server_cpu_ns < 0 ? -1 : cpu + usage.server_cpu_ns;
  }
  others.look(spin ? serving : 0);  // asked for between two waves
  const Interference seen = others.seen();
  return {{"is", "usage"},
          {"cpu_ns", spin ? -1 : cpu},
          {"overflows", overflows},
          {"fitness", cluster::json_of(MachineFitness{seen, why_unfit(seen)})}};
}

int serve_from_here(const Json& order, WorkerTalk& talk) {
  WholeRun run = read_run(order);
  const std::unique_ptr<TcpMemory> memory = raise_own_tcp_memory(run, 1);  // every host connects to here
  const RunOptions& options = run.options;
  const RunRequest& request = options.request;
  std::vector<NamedTarget> targets = request.targets;
  for (const Mix& mix : request.mixes)
    for (const Mix::Part& part : mix.parts) targets.push_back(part.target);
  targets.push_back(find_target("accepting"));  // connectors warm up there where nobody answers
  std::vector<std::unique_ptr<Target>> open;
  std::vector<std::pair<std::string, Family>> known;
  Json said = Json::array();
  for (const Family family : request.families)
    for (const NamedTarget& target : targets) {
      if (!target.serves(family) || std::ranges::count(known, std::pair(target.name, family)) > 0) continue;
      known.emplace_back(target.name, family);
      open.push_back(target.open({.family = family,
                                  .open_at_once = ports_held(request),
                                  .addresses = request.addresses,
                                  .cpus = options.placement.server,
                                  .at = own_address(order.at("at"), family),
                                  .spin = request.spin_server}));
      said.push_back({{"target", target.name},
                      {"family", to_string(family)},
                      {"endpoints", cluster::json_of(open.back()->endpoints())}});
    }
  InterferenceWatch others;
  talk.say({{"is", "serving"}, {"targets", said}, {"notes", options.notes}});
  while (talk.next()) talk.say(usage_of_servers(open, request.spin_server, others));
  return done;
}

int obey(WorkerTalk& talk, const std::string& job_folder) {
  const auto order = talk.next();
  if (!order) return done;
  try {
    if (order->at("is") == "run") {
      make_whole_run(*order, talk, job_folder);
      talk.next();
      return done;
    }
    return order->at("is") == "serve" ? serve_from_here(*order, talk) : connect_from_here(*order, talk);
  } catch (const std::exception& error) {
    talk.say({{"is", "failed"}, {"why", with_remedy(error)}});
    talk.next();
    return broke;
  }
}

std::string value_of(std::span<const std::string> words, std::string_view flag) {
  const auto found = std::ranges::find(words, flag);
  return found == words.end() || found + 1 == words.end() ? "" : *(found + 1);
}

}  // namespace

std::string program_version() {
  const nlohmann::ordered_json build = describe_machine().at("build");
  return fmt::format("{} ({})", version_number(), build.at("git_commit").get<std::string>());
}

Json describe_host(const std::string& name) {
  const nlohmann::ordered_json machine = describe_environment();
  std::array<char, 256> hostname{};
  ::gethostname(hostname.data(), hostname.size() - 1);
  const Origin origin = Origin::now();
  return {{"is", "hello"},
          {"name", name.empty() ? hostname.data() : name},
          {"hostname", hostname.data()},
          {"version", program_version()},
          {"kernel", machine.at("kernel")},
          {"processors", available_cpus().size()},
          {"limits",
           {{"descriptors", descriptor_limit().value},
            {"threads", thread_limit().value},
            {"ports", ephemeral_port_count()}}},
          {"origin", {{"monotonic_ns", origin.monotonic_ns}, {"realtime_ns", origin.realtime_ns}}}};
}

int cluster_worker(std::span<const std::string> words) {
  raise_descriptor_limit();
  note_tcp_memory();
  WorkerTalk talk;
  Json hello = describe_host(value_of(words, "--name"));
  if (std::ranges::count(words, "--describe") == 0) {
    talk.say(hello);
    return obey(talk, value_of(words, cluster::job_folder_flag));
  }
  const auto why_no_lab = lab::why_no_lab();
  hello["why_no_lab"] = why_no_lab ? Json(*why_no_lab) : Json();
  talk.say(hello);
  return done;
}

}  // namespace connbench
