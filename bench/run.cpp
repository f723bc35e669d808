// connbench run: measures ways to connect against each other.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/capacity.h"
#include "bench/commands.h"
#include "bench/measured_run.h"
#include "bench/progress.h"
#include "bench/requirements.h"
#include "bench/run_options.h"
#include "bench/run_settings.h"
#include "bench/screen.h"
#include "bench/skip_lines.h"
#include "harness/machine/machine.h"
#include "harness/record/lab_json.h"
#include "harness/run/local_site.h"
#include "harness/run/pending_room.h"
#include "harness/support/output_file.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

uint64_t estimated_sample_bytes(const RunOptions& options, const Plan& plan, std::string_view run_id) {
  uint64_t bytes = 0;
  for (const PlannedWave& wave : plan.waves) {
    const PlannedCase& planned = plan.cases[wave.which];
    Case what = planned.what;
    for (const NamedTarget* target : planned.targets())  // of a fleet, the longest name: an upper bound
      if (what.is_fleet() || target->name.size() > what.target.size()) what.target = target->name;
    bytes += estimate_samples_bytes(run_id, what, options.samples);
  }
  return bytes;
}

// Without separators, as these lines have always been.
std::string plain_amount(const PlannedCase& planned) {
  return planned.lasts > Duration::zero() ? format_duration(planned.lasts)
                                          : fmt::format("{} attempts", planned.what.attempts);
}

void print_plan(const RunOptions& options, const Plan& plan) {
  for (const PlannedWave& wave : plan.waves) {
    const PlannedCase& planned = plan.cases[wave.which];
    const Case& what = planned.what;
    print_out(fmt::format("repetition {}  {}  {}  family {}  {}, {} in flight, timeout {}, wave limit {}\n",
                          wave.repetition, what.connector, what.destination(), to_string(what.family),
                          plain_amount(planned), what.concurrency, format_duration(what.timeout),
                          format_duration(planned.limit)));
  }
  if (options.request.find_rate)
    for (const PlannedCase& planned : plan.cases)
      print_out(fmt::format("{}: search for the highest rate with {}, from {:.6g}/s, at most {} waves per rate\n",
                            planned.what.describe(), options.request.find_rate->text, options.request.first_rate,
                            options.request.repetitions));
  std::vector<const Case*> run;
  for (const PlannedCase& planned : plan.cases) run.push_back(&planned.what);
  print_out(skip_lines(run, plan.skipped, screen_width()));
  if (options.request.find_rate) {
    print_out(
        fmt::format("each wave depends on the results of those before it; seed {}, about {} and perhaps much more\n",
                    options.request.seed, human_readable(plan.expected)));
    return;
  }
  print_out(fmt::format(
      "{} waves{}, seed {}, about {}, {} about {:.1f} MB{}\n", plan.waves.size(),
      options.request.count_syscalls ? fmt::format(" and {} that count system calls", plan.cases.size()) : "",
      options.request.seed, human_readable(plan.expected), samples_file(options.compression),
      static_cast<double>(estimated_sample_bytes(options, plan, new_run_id())) / 1e6,
      options.compression == Compression::none ? "" : " before compression"));
}

// The file for the packets must not be one of the records. Its name does not tell: links may lead to one.
void start_capture(OutputFile& file, const RunFolder& folder, lab::Lab& lab) {
  const struct stat status = file.status();
  if (folder.has_as_record({status.st_dev, status.st_ino, status.st_size}))
    throw std::invalid_argument(fmt::format("--pcap {} is one of the files of this run (--out {}): choose another one",
                                            file.path(), folder.path().string()));
  file.begin();
  lab.start_capture(file.fd());
}

int measure(const RunOptions& options) {
  if (options.request.lab == nullptr) require_proc();
  require_placement(options.placement);
  const Plan plan = make_plan(options.request);
  if (plan.cases.empty())
    throw MachineLacks(fmt::format("nothing that was asked for can run here: {}: {}",
                                   plan.skipped.front().what.describe(), plan.skipped.front().reason));
  require_capacity(plan, options.request.policy.close);
  if (options.dry_run) {
    print_plan(options, plan);
    return done;
  }
  StopSignal stop;  // before the first file: from then on, an interruption ends the run cleanly
  const std::string run_id = new_run_id();
  RunFolder folder(options.out.value_or(default_run_folder(run_id)));
  lab::Lab* const lab = options.request.lab;
  std::optional<OutputFile> packets;
  if (!options.pcap.empty()) {
    packets.emplace("--pcap", options.pcap, [&] { return stop.pending() != 0; });
    if (!*packets) return interrupted_while_waiting(stop.pending());
    start_capture(*packets, folder, *lab);
  }
  Recorder recorder(std::move(folder), describe_run(options, run_id));
  if (lab != nullptr) recorder.lab(describe_lab(*lab));
  Progress progress(plan, options.progress);
  LocalSite site(options.request, plan, options.placement, stop, progress);
  return measure_plan(options, plan, site, recorder, stop, progress);
}

// Without a lab its targets are skipped, with the reason. What the lab itself was asked to do cannot be skipped.
int run(const RunFlags& given) {
  raise_descriptor_limit();
  note_tcp_memory();
  const RunFlags flags = with_repeated(given);
  RunOptions options = parse(flags);
  options.settings = std::make_shared<nlohmann::ordered_json>(settings_of(flags, options.request));
  require_machine();
  // Whoever only asks what would be measured changes nothing.
  const std::unique_ptr<TcpMemory> memory =
      flags.allow_tcp_memory && !flags.dry_run ? raise_tcp_memory(most_pending(options.request)) : nullptr;
  if (memory != nullptr) {
    options.notes.push_back(memory->describe());
    say(options.notes.back());
  }
  if (!options.lab) return measure(options);
  try {
    return lab::run_in_lab(*options.lab, [&](lab::Lab& lab) {
      options.request.lab = &lab;
      return guarded([&] { return measure(options); });
    });
  } catch (const lab::Unavailable& error) {
    if (options.needs_lab) throw MachineLacks(fmt::format("--sysctl and --pcap need the lab: {}", error.what()));
    options.request.why_no_lab = error.what();
    return measure(options);
  }
}

}  // namespace

Command run_command() {
  auto flags = std::make_shared<RunFlags>();
  return {.name = "run",
          .summary = "measure ways to connect against each other",
          .groups = describe(*flags),
          .usual_flag = "--connector",
          .notes = {"Every combination of connector, target, family, concurrency and timeout is a case; every case is "
                    "measured in --repetitions waves. Results go to stdout, progress to stderr, records to the folder.",
                    "Exit status: 0 done, 1 ran but a check failed, 2 unusable arguments, 3 the machine lacks what was "
                    "asked for, 5 the run broke (disk, server), 130 interrupted."},
          .examples = {{"One attempt in flight, then 256",
                        "connbench run --connector epoll,blocking-threads --concurrency 1,256"},
                       {"Hosts that never answer, behind a deadline of 100 ms",
                        "connbench run --connector loops,'*-threads' --target blackhole --timeout 100ms"},
                       {"Latency at a given rate, when a tenth of the hosts is dead",
                        "connbench run --connector epoll --mix accepting=90,blackhole=10 --arrival poisson:1000/s"},
                       {"The same run again, on another kernel", "connbench run --repeat results/A"}},
          .run = [flags] { return run(*flags); },
          .check = [flags] { parse(with_repeated(*flags)); }};
}

}  // namespace connbench
