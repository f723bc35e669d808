// connbench exhaust: where each connector breaks, and how it recovers.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands.h"
#include "bench/exhaust_ramps.h"
#include "bench/requirements.h"
#include "bench/run_description.h"
#include "bench/screen.h"
#include "harness/lab/lab.h"
#include "harness/machine/inherited.h"
#include "harness/machine/ipv6.h"
#include "harness/machine/machine.h"
#include "harness/record/lab_json.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

RunInfo describe_run(const ExhaustOptions& options, const Environment& environment, std::string run_id) {
  return {.run_id = std::move(run_id),
          .command_line = own_command_line(),
          .seed = options.seed,
          .network = environment.lab != nullptr ? "lab" : "host",
          .repetitions = options.repetitions,
          .usual_timeout = options.timeout,
          .samples = SamplesKept::none,
          .origin = Origin::now(),
          .environment = std::make_shared<nlohmann::ordered_json>(describe_environment())};
}

nlohmann::ordered_json describe_choice(const ExhaustOptions& options, const ResourceLimit& limit,
                                       const Environment& environment) {
  return {{"resource", to_string(options.resource)},
          {"limit_kind", limit.kind()},
          {"limit", limit.value()},
          {"chosen", limit.describe()},
          {"target", environment.dead_target()},
          {"family", to_string(options.family)},
          {"attempts", options.pending},
          {"timeout_ns", options.timeout.count()}};
}

int report(Ramps& ramps, const std::filesystem::path& folder, int signal, const std::string& failure) {
  const std::string died = ramps.died();
  print_out(verdict_table(ramps.verdicts(), screen_width()));
  print_warnings(ramps.warnings());
  print_unfit(ramps.unfit());
  print_records(folder, signal == 0 && died.empty() && failure.empty());
  if (!failure.empty()) say(failure);
  if (signal != 0) return interrupted(folder, signal);
  if (!failure.empty()) return broke;
  if (!died.empty()) return broken_by_death_of(died);
  const bool fine = std::ranges::all_of(ramps.verdicts(), [](const Verdict& v) { return v.result.failure.empty(); });
  return fine ? done : check_failed;
}

// @return why the records are not complete although everything was measured; "" = they are
std::string finish(bool complete, const Environment& environment, ExhaustionRecorder& recorder) {
  try {
    if (environment.lab != nullptr) recorder.lab(describe_lab(*environment.lab));
    recorder.finish(complete, describe_load());
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

void print_heading(const ExhaustOptions& options, const ResourceLimit& limit, const Environment& environment) {
  const bool described = options.machine_limit.empty() || limit.kind() == "machine";
  const TableWriter writer(screen_width());
  print_out(fmt::format(
      "{}{}\n",
      writer.paragraph(fmt::format("exhausting {}: {}{}", to_string(options.resource), limit.describe(),
                                   described ? "" : fmt::format(" ({})", options.machine_limit))),
      writer.paragraph(fmt::format("{}, at most {} attempts, timeout {}", environment.describe(options.family),
                                   grouped(options.pending), format_duration(options.timeout)))));
  flush_out();
}

int measure(const ExhaustOptions& options, ResourceLimit& limit, const Environment& environment) {
  if (environment.lab == nullptr) require_proc();
  if (options.family == Family::ipv6)
    if (const auto why_not = why_no_ipv6()) throw MachineLacks(*why_not);
  const std::vector<PlannedRamp> planned = plan_ramps(options);
  if (std::ranges::none_of(planned, [](const PlannedRamp& p) { return p.skipped.empty(); }))
    throw MachineLacks(fmt::format("nothing that was asked for can run here: {}: {}", planned.front().connector->name,
                                   planned.front().skipped));
  print_heading(options, limit, environment);  // a signal ends it, should it wait for its reader
  StopSignal stop;
  const std::string run_id = new_run_id();
  ExhaustionRecorder recorder(RunFolder(options.out.value_or(default_run_folder(run_id))),
                              describe_run(options, environment, run_id), describe_choice(options, limit, environment));
  if (environment.lab != nullptr) recorder.lab(describe_lab(*environment.lab));
  Ramps ramps(options, limit, environment, recorder, stop);
  if (!environment.why_no_lab.empty()) ramps.warn(fmt::format("there is no lab: {}", environment.why_no_lab));
  for (const std::string& warning : inherited_state_warnings(inherited_state(), timer_slack())) ramps.warn(warning);
  ramps.run(planned);
  const bool complete = !ramps.watch().should_stop();
  const std::string failure = finish(complete, environment, recorder);
  const int signal = complete ? 0 : stop.pending();  // a signal that comes later ends the process, see below
  stop.release();  // nothing is lost any more: a signal may end this process while it waits for a reader
  return report(ramps, recorder.folder().path(), signal, failure);
}

std::unique_ptr<ResourceLimit> make_limit(const ExhaustOptions& options) {
  try {
    const bool to_the_end = !options.machine_limit.empty();
    switch (options.resource) {
      case Resource::threads:
        return limit_threads(options.limit);
      case Resource::fds:
        return to_the_end ? machine_limit(options.limit, options.machine_limit) : limit_descriptors(options.limit);
      case Resource::ports:
        return to_the_end ? limit_ports_as_here() : limit_ports(options.limit);
      case Resource::memory:
        return limit_address_space(options.limit);
    }
    throw std::logic_error("a resource without a limit");
  } catch (const CannotLimit& cannot) {
    throw MachineLacks(fmt::format(
        "{} cannot be limited here: {}. Run it as an ordinary user, or where cgroups have a pids controller",
        to_string(options.resource), cannot.reason));
  }
}

// The blackhole needs a lab. Without one the dead host is on loopback, except where the limit itself belongs to a
// network.
int exhaust(const ExhaustFlags& flags) {
  raise_descriptor_limit();
  const ExhaustOptions options = parse(flags);
  require_machine();
  if (options.resource == Resource::threads) require_proc();  // they are counted there
  const auto limit = make_limit(options);
  if (options.family == Family::unix_domain) return measure(options, *limit, {});
  try {
    return lab::run_in_lab({.seed = options.seed}, [&](lab::Lab& lab) {
      return guarded([&] { return measure(options, *limit, {.lab = &lab}); });
    });
  } catch (const lab::Unavailable& error) {
    if (options.resource == Resource::ports)
      throw MachineLacks(fmt::format("limiting ports needs a network of its own: {}", error.what()));
    return measure(options, *limit, {.why_no_lab = error.what()});
  }
}

}  // namespace

Command exhaust_command() {
  auto flags = std::make_shared<ExhaustFlags>();
  return {.name = "exhaust",
          .summary = "where each way to connect breaks, and how it recovers",
          .groups = describe(*flags),
          .notes = {"Starts attempts at hosts that never answer, in a process with a limit of its own, until something "
                    "runs out. Then tries healthy connects beside them, lets the dead attempts go, and reports when a "
                    "healthy connect succeeds again.",
                    "The limit is RLIMIT_NPROC (for root, pids.max of a cgroup), RLIMIT_NOFILE, RLIMIT_AS or the lab's "
                    "port range.",
                    "Exit status: 0 done, 1 a ramp failed, 2 unusable arguments, 3 the machine lacks what was asked "
                    "for, 5 the run broke, 130 interrupted."},
          .examples = {{"Run out of threads", "connbench exhaust threads --limit 512"},
                       {"Run out of descriptors, event loops only", "connbench exhaust fds --connector loops"}},
          .run = [flags] { return exhaust(*flags); },
          .check = [flags] { parse(*flags); }};
}

}  // namespace connbench
