// connbench doctor: what this machine offers, and what will be skipped here, each with its remedy.
#include <fmt/format.h>

#include <memory>

#include "bench/commands.h"
#include "bench/doctor_json.h"
#include "bench/doctor_table.h"
#include "bench/flags.h"
#include "bench/screen.h"
#include "harness/machine/machine.h"

namespace connbench {
namespace {

int examine(const std::string& format) {
  const bool json = one_of("--format", format, {"text", "json"}) == "json";
  raise_descriptor_limit();
  if (json) {
    fmt::print("{}", findings_json());
    return done;
  }
  const Diagnosis diagnosis{
      .machine = examine_machine(), .capacity = examine_capacity(), .connectors = examine_connectors()};
  fmt::print("{}", doctor_screen(diagnosis, screen_width()));
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
