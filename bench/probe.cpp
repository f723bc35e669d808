// connbench probe: checks claims about connect() on this kernel.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/progress_line.h"
#include "bench/requirements.h"
#include "bench/run_description.h"
#include "bench/screen.h"
#include "harness/lab/lab.h"
#include "harness/machine/kernel_timeout.h"
#include "harness/machine/machine.h"
#include "harness/process/stop_signal.h"
#include "harness/record/lab_json.h"
#include "harness/record/run_folder.h"
#include "harness/record/run_json.h"
#include "harness/record/schema.h"
#include "harness/support/joined.h"
#include "probe/session.h"

namespace connbench {
namespace {

struct ProbeFlags {
  std::string only{};
  std::string format = "text";
  std::string out{};
  bool quiet = false;
};

struct ProbeOptions {
  probe::Choice choice;
  probe::Format format;
  std::optional<std::string> out;
  ProgressLine::Wanted progress;
};

ProbeOptions parse(const ProbeFlags& flags) {
  return {.choice = for_flag("--only", [&] { return probe::choose(flags.only); }),
          .format = for_flag("--format", [&] { return probe::parse_format(flags.format); }),
          .out = flags.out.empty() ? std::nullopt : std::optional(flags.out),
          .progress = flags.quiet ? ProgressLine::Wanted::no : ProgressLine::Wanted::yes};
}

// The records of one session. When it is killed, they hold what was found so far.
class ProbeRecords {
 public:
  ProbeRecords(const ProbeOptions& options, const probe::Place& place)
      : run_id_(new_run_id()),
        folder_(options.out.value_or(default_run_folder(run_id_))),
        run_({.run_id = run_id_,
              .command_line = own_command_line(),
              .network = place.lab != nullptr ? "lab" : "host",
              .samples = SamplesKept::none,
              .origin = Origin::now(),
              .environment = std::make_shared<nlohmann::ordered_json>(describe_machine())}),
        matrix_(options.choice.matrix) {
    if (place.lab != nullptr) run_.lab(describe_lab(*place.lab));
    if (place.lab == nullptr) run_.warn("there is no lab: " + place.why_no_lab);
    folder_.write(run_file::run, run_.text(false));
  }

  void write(const probe::Findings& findings) {
    folder_.write("probe.csv", probe::findings_csv(findings.results));
    folder_.write("probe.md", probe::report(probe::Format::markdown, findings.results, findings.matrix));
    if (matrix_) folder_.write("matrix.csv", probe::matrix_csv(findings.matrix));
  }

  void finish(bool complete, const probe::Findings& findings, const lab::Lab* lab) {
    for (const std::string& defect : findings.defects) run_.warn(defect);
    if (lab != nullptr) run_.lab(describe_lab(*lab));
    run_.environment_after(describe_load());
    folder_.write(run_file::run, run_.text(false));
    if (complete) folder_.finish(run_file::run, run_.text(true));
  }

  std::string path() const { return folder_.path().string(); }

 private:
  std::string run_id_;
  RunFolder folder_;
  RunJson run_;
  bool matrix_;
};

// The names of those that are not done: at the end a session waits for a few that take seconds.
std::vector<std::string_view> waiting_for(const probe::Choice& choice, const probe::Findings& findings) {
  std::vector<std::string_view> names;
  for (const probe::Entry* claim : choice.claims)
    if (std::ranges::find(findings.results, claim, &probe::Result::claim) == findings.results.end())
      names.push_back(claim->id);
  if (choice.matrix && findings.matrix.size() < std::size(probe::all_states)) names.emplace_back("matrix");
  return names;
}

void show_progress(ProgressLine& line, const probe::Choice& choice, const probe::Findings& findings) {
  if (!line.due()) return;
  const size_t all = choice.claims.size() + (choice.matrix ? std::size(probe::all_states) : 0);
  line.show(fmt::format("{} of {} probes done, to come: ", findings.results.size() + findings.matrix.size(), all),
            joined(waiting_for(choice, findings), ", "));
}

int examine(const ProbeOptions& options, const probe::Place& place) {
  if (place.lab == nullptr) require_proc();
  StopSignal stop;  // before the first file: from then on, an interruption ends the session cleanly
  ProbeRecords records(options, place);
  probe::Findings findings;
  ProgressLine progress(options.progress);
  show_progress(progress, options.choice, findings);
  const bool complete = probe::run_probes(options.choice, place, stop.fd(), findings, [&] {
    records.write(findings);
    show_progress(progress, options.choice, findings);
  });
  progress.clear();
  records.finish(complete, findings, place.lab);

  const int signal = complete ? 0 : stop.pending();  // a signal that comes later ends the process, see below
  stop.release();  // nothing is lost any more: a signal may end this process while it waits for a reader
  print_out(probe::report(options.format, findings.results, findings.matrix, screen_width()));
  flush_out();
  say(fmt::format("records: {}", records.path()));
  if (!complete) return interrupted(records.path(), signal);
  for (const std::string& defect : findings.defects) say(defect);
  return findings.defects.empty() ? done : check_failed;
}

int probe_all(const ProbeFlags& flags) {
  raise_descriptor_limit();
  const ProbeOptions options = parse(flags);
  require_machine();
  const auto gives_up = kernel_connect_timeout();
  try {
    return lab::run_in_lab(probe::lab_options(), [&](lab::Lab& lab) {
      return guarded([&] { return examine(options, {.lab = &lab, .machine_gives_up = gives_up}); });
    });
  } catch (const lab::Unavailable& error) {
    return examine(options, {.why_no_lab = error.what(), .machine_gives_up = gives_up});
  }
}

}  // namespace

Command probe_command() {
  auto flags = std::make_shared<ProbeFlags>();
  return {
      .name = "probe",
      .summary = "check on this kernel what is claimed about connect()",
      .groups =
          {{"Options",
            {{.name = "--only",
              .value = "LIST",
              .destination = &flags->only,
              .help = "Some claims (S6,S9), or the matrix of all states (matrix).",
              .shown_default = "everything"},
             {.name = "--format",
              .value = "FORM",
              .destination = &flags->format,
              .help = "text, markdown or csv.",
              .choices = {"text", "markdown", "csv"}},
             {.name = "--out",
              .value = "FOLDER",
              .destination = &flags->out,
              .help = "Folder for the records.",
              .shown_default = "results/<time>-<id>",
              .completes = Completes::files},
             {.name = "--quiet", .value = "", .destination = &flags->quiet, .help = "Show no progress on stderr."}}}},
      .usual_flag = "--only",
      .notes = {"A verdict is a finding, whatever it says. docs/connect.md sums the verdicts up.",
                "Exit status: 0 done, 1 a probe itself failed, 2 unusable arguments, 3 the machine lacks what every "
                "probe needs, 5 the run broke (disk), 130 interrupted."},
      .examples = {{"Two claims, as a table for a document", "connbench probe --only S6,S7 --format markdown"}},
      .run = [flags] { return probe_all(*flags); },
      .check = [flags] { parse(*flags); }};
}

}  // namespace connbench
