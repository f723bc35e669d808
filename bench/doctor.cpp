// connbench doctor: what this machine offers, and what will be skipped here, each with its remedy.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "bench/commands.h"
#include "bench/doctor_json.h"
#include "bench/doctor_table.h"
#include "bench/flags.h"
#include "bench/requirements.h"
#include "bench/screen.h"
#include "harness/machine/machine.h"

namespace connbench {
namespace {

bool asks_for_json(const std::string& format) {
  return one_of("--format", format, {"text", "json"}) == "json";
}

int examine(const std::string& format) {
  const bool json = asks_for_json(format);
  raise_descriptor_limit();
  InterferenceWatch watch;
  const std::vector<Finding> missing = missing_requirements();
  Diagnosis diagnosis{.machine = missing,
                      .capacity = examine_capacity(),
                      .connectors = examine_connectors(),
                      .fitness = examine_fitness(watch)};
  std::ranges::move(examine_machine(), std::back_inserter(diagnosis.machine));
  print_out(json ? findings_json(diagnosis) : doctor_screen(diagnosis, screen_width()));
  if (missing.empty()) return done;
  say(fmt::format("nothing can be measured here: {}: {}: {}", missing.front().subject, missing.front().value,
                  missing.front().remedy));
  return machine_lacks;
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
                        .help = "text, or json: for programs.",
                        .choices = {"text", "json"}}}}},
          .notes = {"Each finding comes with what to do about it. Nothing is changed. Exit status: 0 done, 2 unusable "
                    "arguments, 3 nothing can be measured here."},
          .run = [format] { return examine(*format); },
          .check = [format] { asks_for_json(*format); }};
}

}  // namespace connbench
