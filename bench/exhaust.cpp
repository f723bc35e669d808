// connbench exhaust: where each way to connect breaks, and how it comes back.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands.h"
#include "bench/exhaust_ramps.h"
#include "bench/run_description.h"
#include "harness/lab/lab.h"
#include "harness/machine/machine.h"
#include "harness/record/lab_json.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

RunInfo describe_run(const ExhaustOptions& options, const Ground& ground, std::string run_id) {
  return {.run_id = std::move(run_id),
          .command_line = own_command_line(),
          .seed = options.seed,
          .network = ground.lab != nullptr ? "lab" : "host",
          .repetitions = options.repetitions,
          .usual_timeout = options.timeout,
          .samples = SamplesKept::none,
          .origin = Origin::now(),
          .environment = std::make_shared<nlohmann::ordered_json>(describe_environment())};
}

nlohmann::ordered_json describe_choice(const ExhaustOptions& options, const ResourceLimit& limit,
                                       const Ground& ground) {
  return {{"resource", to_string(options.resource)},
          {"limit_kind", limit.kind()},
          {"limit", limit.value()},
          {"chosen", limit.describe()},
          {"target", ground.dead_target()},
          {"family", to_string(options.family)},
          {"attempts", options.pending},
          {"timeout_ns", options.timeout.count()}};
}

int report(Ramps& ramps, const ExhaustionRecorder& recorder) {
  fmt::print("{}", verdict_table(ramps.verdicts()));
  for (const std::string& warning : ramps.warnings()) fmt::print("warning: {}\n", warning);
  fmt::print("records: {}\n", recorder.folder().path().string());
  std::fflush(stdout);
  if (const int signal = ramps.watch().signal(); signal != 0) {
    fmt::print(stderr, "connbench: interrupted; the records say \"complete\": false\n");
    return signal_base + signal;
  }
  if (const std::string died = ramps.watch().died(); !died.empty()) {
    fmt::print(stderr, "connbench: {} died; what was measured so far is recorded, the rest was not run\n", died);
    return broke;
  }
  const bool fine = std::ranges::all_of(ramps.verdicts(), [](const Verdict& v) { return v.result.failure.empty(); });
  return fine ? done : check_failed;
}

int measure(const ExhaustOptions& options, ResourceLimit& limit, const Ground& ground) {
  if (options.family == Family::ipv6 && ground.lab != nullptr && !ground.lab->has_ipv6())
    throw MachineLacks("this machine has no IPv6");
  const std::vector<PlannedRamp> planned = plan_ramps(options);
  if (std::ranges::none_of(planned, [](const PlannedRamp& p) { return p.skipped.empty(); }))
    throw MachineLacks(fmt::format("nothing of what was asked can be run here: {}: {}", planned.front().connector->name,
                                   planned.front().skipped));
  StopSignal stop;
  const std::string run_id = new_run_id();
  ExhaustionRecorder recorder(RunFolder(options.out.value_or(default_run_folder(run_id))),
                              describe_run(options, ground, run_id), describe_choice(options, limit, ground));
  if (ground.lab != nullptr) recorder.lab(describe_lab(*ground.lab));
  const bool as_it_is = options.machine_limit.empty() || limit.kind() == "machine";
  fmt::print("exhausting {}: {}{}\n{}, {} attempts at most, timeout {}\n\n", to_string(options.resource),
             limit.describe(), as_it_is ? "" : fmt::format(" ({})", options.machine_limit),
             ground.describe(options.family), options.pending, format_duration(options.timeout));
  std::fflush(stdout);
  Ramps ramps(options, limit, ground, recorder, stop);
  if (!ground.why_no_lab.empty()) ramps.warn(fmt::format("there is no lab: {}", ground.why_no_lab));
  ramps.run(planned);
  if (ground.lab != nullptr) recorder.lab(describe_lab(*ground.lab));
  recorder.finish(!ramps.watch().should_stop(), describe_load());
  return report(ramps, recorder);
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
        return to_the_end ? machine_limit(options.limit, options.machine_limit) : limit_ports(options.limit);
      case Resource::memory:
        return limit_address_space(options.limit);
    }
    throw std::logic_error("a resource without a limit");
  } catch (const CannotLimit& cannot) {
    throw MachineLacks(fmt::format("{} cannot be limited here: {}", to_string(options.resource), cannot.reason));
  }
}

// A blackhole is the lab's. Without one there is loopback's, except where the limit itself is of a network.
int exhaust(const ExhaustFlags& flags) {
  raise_descriptor_limit();
  const ExhaustOptions options = parse(flags);
  const auto limit = make_limit(options);
  if (options.family == Family::unix_domain) return measure(options, *limit, {});
  try {
    return lab::run_in_lab({.seed = options.seed}, [&](lab::Lab& lab) {
      return guarded([&] { return measure(options, *limit, {.lab = &lab}); });
    });
  } catch (const lab::Unavailable& error) {
    if (options.resource == Resource::ports)
      throw MachineLacks(fmt::format("ports are those of a network of its own: {}", error.what()));
    return measure(options, *limit, {.why_no_lab = error.what()});
  }
}

}  // namespace

void add_exhaust(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("exhaust", "where each way to connect breaks, and how it comes back");
  auto flags = std::make_shared<ExhaustFlags>();
  declare(*command, *flags);
  command->footer(
      "Starts attempts at hosts that never answer, in a process with a limit of its own, until something runs out;\n"
      "then tries healthy connects beside them, lets them go, and tells when a healthy one gets through again.\n"
      "The limit is RLIMIT_NPROC, or pids.max of a cgroup for root; RLIMIT_NOFILE; RLIMIT_AS; the lab's port range.\n"
      "Exit status: 0 done, 1 a ramp failed, 2 unusable arguments, 3 the machine lacks what was asked, 5 the run "
      "broke,\n130 interrupted.\n"
      "Example: connbench exhaust threads --limit 512");
  command->callback([flags, &status] { status = exhaust(*flags); });
}

}  // namespace connbench
