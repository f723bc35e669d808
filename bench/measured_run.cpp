#include "bench/measured_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands.h"
#include "bench/rate_table.h"
#include "bench/run_description.h"
#include "bench/screen.h"
#include "bench/table.h"
#include "harness/machine/inherited.h"
#include "harness/machine/machine.h"
#include "harness/record/lab_json.h"
#include "harness/run/session.h"
#include "harness/run/warnings.h"
#include "harness/support/joined.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

// How a run ended, once its records are finished.
struct RunEnd {
  SessionEnd session;
  int signal = 0;                       // that interrupted it
  std::string failure{};                // of the capture or of the records; "" = neither failed
  std::vector<std::string> warnings{};  // beyond those of the session
};

// Every host's part of each case, under the name "epoll on b".
std::string table_by_host(const std::vector<CaseResult>& results, const std::map<std::string, std::string>& names) {
  std::deque<PlannedCase> cases;
  std::vector<CaseResult> parts;
  for (const CaseResult& result : results)
    for (const auto& [rank, name] : names) {
      CaseResult part{.planned = nullptr, .rows = {}, .failures = {}};
      for (const SummaryRow& row : result.rows)
        for (const SummaryRow& own : row.by_host)
          if (own.rank == rank) part.rows.push_back(own);
      if (part.rows.empty()) continue;
      PlannedCase& planned = cases.emplace_back(*result.planned);
      planned.what.connector = fmt::format("{} on {}", result.planned->what.connector, name);
      planned.what.hosts = 1;
      part.planned = &planned;
      parts.push_back(std::move(part));
    }
  return parts.empty() ? "" : "\nby host:\n" + result_table(parts, {}, screen_width());
}

int report(const RunOptions& options, const Session& session, const Plan& plan, const std::filesystem::path& folder,
           const RunEnd& end) {
  const RunRequest& request = options.request;
  const bool counted = end.session != SessionEnd::interrupted || session.counted();
  if (counted)
    print_out(request.find_rate ? rate_table(request, session.rates(), plan.skipped, screen_width())
                                : result_table(session.results(), plan.skipped, screen_width()));
  if (!options.by_host.empty()) print_out(table_by_host(session.results(), options.by_host));
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

}  // namespace

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

int measure_plan(const RunOptions& options, const Plan& plan, Site& site, Recorder& recorder, StopSignal& stop,
                 Progress& progress) {
  for (const std::string& note : options.notes) recorder.warn(note);
  Session session(options.request, plan, site, recorder, progress);
  const SessionEnd end = session.run();
  progress.clear();
  site.end();
  const RunEnd finished = finish(end, options.request.lab, recorder, stop);
  stop.release();  // nothing is lost any more: a signal may end this process while it waits for a reader
  return report(options, session, plan, recorder.folder().path(), finished);
}

}  // namespace connbench
