// connbench probe: what is claimed about connect(), provoked on this kernel.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/run_description.h"
#include "harness/lab/lab.h"
#include "harness/machine/kernel_timeout.h"
#include "harness/machine/machine.h"
#include "harness/process/stop_signal.h"
#include "harness/record/file.h"
#include "harness/record/lab_json.h"
#include "harness/record/run_folder.h"
#include "harness/record/run_json.h"
#include "harness/record/schema.h"
#include "probe/session.h"

namespace connbench {
namespace {

struct ProbeFlags {
  std::string only{};
  std::string format = "text";
  std::optional<std::string> out{};
};

struct ProbeOptions {
  probe::Choice choice;
  probe::Format format;
  std::optional<std::string> out;
};

ProbeOptions parse(const ProbeFlags& flags) {
  return {.choice = flag("--only", [&] { return probe::choose(flags.only); }),
          .format = flag("--format", [&] { return probe::parse_format(flags.format); }),
          .out = flags.out};
}

// The records of one session: whenever it is killed, they tell what was found so far.
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
    write_atomically(folder_.file(run_file::run), run_.text(false));
  }

  void write(const probe::Findings& findings) const {
    write_atomically(folder_.file("probe.csv"), probe::findings_csv(findings.results));
    write_atomically(folder_.file("probe.md"),
                     probe::report(probe::Format::markdown, findings.results, findings.matrix));
    if (matrix_) write_atomically(folder_.file("matrix.csv"), probe::matrix_csv(findings.matrix));
  }

  void finish(bool complete, const probe::Findings& findings, const lab::Lab* lab) {
    for (const std::string& defect : findings.defects) run_.warn(defect);
    if (lab != nullptr) run_.lab(describe_lab(*lab));
    run_.environment_after(describe_load());
    write_atomically(folder_.file(run_file::run), run_.text(complete));
  }

  std::string path() const { return folder_.path().string(); }

 private:
  std::string run_id_;
  RunFolder folder_;
  RunJson run_;
  bool matrix_;
};

int examine(const ProbeOptions& options, const probe::Place& place) {
  StopSignal stop;  // before the first file: whoever finds one may rely on a clean end
  ProbeRecords records(options, place);
  probe::Findings findings;
  const bool complete = probe::run_probes(options.choice, place, stop.fd(), findings, [&] { records.write(findings); });
  records.finish(complete, findings, place.lab);

  fmt::print("{}", probe::report(options.format, findings.results, findings.matrix));
  std::fflush(stdout);
  fmt::print(stderr, "records: {}\n", records.path());
  if (!complete) {
    fmt::print(stderr, "connbench: interrupted; the records say \"complete\": false\n");
    return signal_base + stop.pending();
  }
  for (const std::string& defect : findings.defects) fmt::print(stderr, "connbench: {}\n", defect);
  return findings.defects.empty() ? done : check_failed;
}

int probe_all(const ProbeFlags& flags) {
  raise_descriptor_limit();
  const ProbeOptions options = parse(flags);
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

void add_probe(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("probe", "what is claimed about connect(), provoked on this kernel");
  auto flags = std::make_shared<ProbeFlags>();
  command->add_option("--only", flags->only,
                      "S6,S9,matrix: these claims, the matrix of all states; default: everything");
  command->add_option("--format", flags->format, "text, markdown or csv")->capture_default_str();
  command->add_option("--out", flags->out, "folder for the records; default: results/<run id>");
  command->footer(
      "A verdict is a finding, whatever it says. docs/connect.md is what they come to.\n"
      "Exit status: 0 done, 1 a probe itself failed, 2 unusable arguments, 5 the run broke (disk), 130 interrupted.\n"
      "Example: connbench probe --only S6,S7 --format markdown");
  command->callback([flags, &status] { status = probe_all(*flags); });
}

}  // namespace connbench
