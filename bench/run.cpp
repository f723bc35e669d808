// connbench run: measures ways to connect against each other.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/capacity.h"
#include "bench/commands.h"
#include "bench/progress.h"
#include "bench/rate_table.h"
#include "bench/requirements.h"
#include "bench/run_description.h"
#include "bench/run_options.h"
#include "bench/run_settings.h"
#include "bench/screen.h"
#include "bench/skip_lines.h"
#include "bench/table.h"
#include "harness/machine/inherited.h"
#include "harness/machine/machine.h"
#include "harness/record/lab_json.h"
#include "harness/run/pending_room.h"
#include "harness/run/tcp_memory.h"
#include "harness/run/warnings.h"
#include "harness/support/joined.h"
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

RunInfo describe_run(const RunOptions& options, std::string run_id) {
  return {.run_id = std::move(run_id),
          .command_line = own_command_line(),
          .seed = options.request.seed,
          .network = options.request.lab != nullptr ? "lab" : "host",
          .repetitions = options.request.repetitions,
          .usual_timeout = options.request.timeouts.front(),
          .samples = options.samples,
          .compression = options.compression,
          .arrival = joined(arrivals_of(options.request), ","),
          .percentiles = options.request.percentiles,
          .spin = options.request.spin,
          .spin_server = options.request.spin_server,
          .addresses = options.request.addresses,
          .settings = options.settings,
          .origin = Origin::now(),
          .environment = std::make_shared<nlohmann::ordered_json>(describe_environment())};
}

// How a run ended, once its records are finished.
struct RunEnd {
  SessionEnd session;
  int signal = 0;                       // that interrupted it
  std::string failure{};                // of the capture or of the records; "" = neither failed
  std::vector<std::string> warnings{};  // beyond those of the session
};

int report(const RunOptions& options, const Session& session, const Plan& plan, const std::filesystem::path& folder,
           const RunEnd& end) {
  const RunRequest& request = options.request;
  const bool counted = end.session != SessionEnd::interrupted || session.counted();
  if (counted)
    print_out(request.find_rate ? rate_table(request, session.rates(), plan.skipped, screen_width())
                                : result_table(session.results(), plan.skipped, screen_width()));
  print_warnings(end.warnings);
  print_warnings(session.warnings());
  print_unfit(session.unfit());
  print_records(folder, end.session == SessionEnd::complete && end.failure.empty());
  if (!end.failure.empty()) say(end.failure);
  if (!counted) return interrupted_while_counting(end.signal);
  if (end.session == SessionEnd::interrupted) return interrupted(folder, end.signal);
  if (end.session == SessionEnd::broke && end.failure.empty()) return broken_by_death_of(session.died());
  if (!end.failure.empty()) return broke;
  const bool fine = std::ranges::all_of(session.results(), [](const CaseResult& result) {
    return result.failures.empty() && std::ranges::none_of(result.rows, [&](const SummaryRow& row) {
             return has_unexplained_outcome(*result.planned, row);
           });
  });
  const bool found = std::ranges::all_of(session.rates(), [](const RateResult& rate) { return rate.failure.empty(); });
  return fine && found ? done : check_failed;
}

// A link that lost frames or was late must not be mistaken for a slow connector.
std::vector<std::string> link_warnings(const lab::LinkReport& link) {
  constexpr Duration late = std::chrono::milliseconds(1);
  std::vector<std::string> warnings;
  const uint64_t dropped = link.dropped_by_kernel + link.dropped_on_sending + link.dropped_in_queue;
  if (dropped > 0)
    warnings.push_back(fmt::format(
        "the lab's link dropped {} of {} frames, which caused retransmissions. Lower the load, or give it a processor "
        "of its own (--cpus link=N).",
        dropped, link.frames + dropped));
  if (link.lateness.quantile(0.9) > late)
    warnings.push_back(fmt::format(
        "the lab's link delivered frames late: by {} at p50, {} at p90, {} at p99. Extra latency of delayed "
        "targets comes from the link or the machine, not from a connector. Lower the load, or give the "
        "link a processor of its own (--cpus link=N).",
        human_readable(link.lateness.quantile(0.5)), human_readable(link.lateness.quantile(0.9)),
        human_readable(link.lateness.quantile(0.99))));
  return warnings;
}

void warn(Recorder& recorder, RunEnd& end, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) recorder.warn(warning);
  end.warnings.insert(end.warnings.end(), warnings.begin(), warnings.end());
}

void finish_lab(lab::Lab* lab, Recorder& recorder, StopSignal& stop, RunEnd& end) {
  if (lab == nullptr) return;
  try {
    lab->finish_capture([&] { return stop.pending() != 0; });
  } catch (const std::runtime_error& error) {
    end.failure = error.what();
    recorder.warn(end.failure);
  }
  recorder.lab(describe_lab(*lab));
  warn(recorder, end, link_warnings(lab->link_report()));
}

// Everything is recorded before anything is printed: stdout may have no room, no reader, or one that does not read.
RunEnd finish(SessionEnd end, lab::Lab* lab, Recorder& recorder, StopSignal& stop) {
  RunEnd all{.session = end};
  try {
    warn(recorder, all, inherited_state_warnings(inherited_state(), timer_slack()));
    finish_lab(lab, recorder, stop, all);
    recorder.finish(end == SessionEnd::complete && all.failure.empty(), describe_load());
  } catch (const std::exception& error) {
    all.failure = error.what();
  }
  // A signal that comes after the end of a complete run ends the process, as soon as stop.release() lets it.
  if (end != SessionEnd::complete || !all.failure.empty()) all.signal = stop.pending();
  if (all.signal != 0 && !all.failure.empty()) all.session = SessionEnd::interrupted;
  return all;
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

// The most attempts that may be pending at once over TCP.
size_t most_pending(const RunRequest& request) {
  if (std::ranges::all_of(request.families, [](Family family) { return family == Family::unix_domain; })) return 0;
  return *std::ranges::max_element(request.concurrency);
}

std::unique_ptr<TcpMemory> raise_tcp_memory(RunOptions& options) try {
  auto memory = std::make_unique<TcpMemory>(most_pending(options.request));
  if (!memory->is_raised()) return nullptr;
  options.notes.push_back(memory->describe());
  say(options.notes.back());
  return memory;
} catch (const CannotRaise& cannot) {
  throw MachineLacks(fmt::format("--allow-tcp-memory: {}", cannot.reason));
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
  for (const std::string& note : options.notes) recorder.warn(note);
  Progress progress(plan, options.progress);
  Session session(options.request, plan, options.placement, recorder, stop, progress);
  const SessionEnd end = session.run();
  progress.clear();
  const RunEnd finished = finish(end, lab, recorder, stop);
  stop.release();  // nothing is lost any more: a signal may end this process while it waits for a reader
  return report(options, session, plan, recorder.folder().path(), finished);
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
      flags.allow_tcp_memory && !flags.dry_run ? raise_tcp_memory(options) : nullptr;
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
