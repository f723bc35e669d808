// connbench doctor: what this machine offers, and what will be skipped here, each with its remedy.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "bench/columns.h"
#include "bench/commands.h"
#include "bench/doctor_json.h"
#include "bench/findings.h"
#include "bench/flags.h"
#include "harness/machine/machine.h"
#include "harness/support/wrapped.h"

namespace connbench {
namespace {

void print(std::string_view title, const std::vector<Finding>& findings) {
  std::vector<Cells> rows{{"", "", ""}};
  for (const Finding& finding : findings) rows.push_back({finding.subject, finding.value, finding.remedy});
  fmt::print("{}{}\n", title, align(rows, terminal_columns(STDOUT_FILENO)));
}

std::vector<Finding> as_findings(const std::vector<ConnectorFinding>& connectors) {
  std::vector<Finding> findings;
  for (const auto& [name, reason] : connectors)
    findings.push_back({name, reason.empty() ? "works" : "skipped", reason});
  return findings;
}

int examine(const std::string& format) {
  const bool json = one_of("--format", format, {"text", "json"}) == "json";
  raise_descriptor_limit();
  if (json) {
    fmt::print("{}", findings_json());
    return done;
  }
  print("This machine", examine_machine());
  print("At a host that never answers", examine_capacity());
  print("Ways to connect", as_findings(examine_connectors()));
  return done;
}

}  // namespace

Command doctor_command() {
  auto format = std::make_shared<std::string>("text");
  return {.name = "doctor",
          .summary = "what this machine allows, and what will be skipped here",
          .groups = {{"Options",
                      {{.name = "--format",
                        .value = "FORM",
                        .destination = format.get(),
                        .help = "text, or json: for programs."}}}},
          .notes = {"Each finding comes with what to do about it. Nothing is changed. Exit status: 0 done, 2 unusable "
                    "arguments."},
          .run = [format] { return examine(*format); }};
}

}  // namespace connbench
