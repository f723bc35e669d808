// connbench check: whether a program keeps the protocol of docs/programs.md, and what it gets wrong.
#include <fmt/format.h>

#include <array>
#include <memory>

#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/program_suite.h"
#include "bench/requirements.h"
#include "bench/screen.h"
#include "harness/machine/machine.h"
#include "harness/programs/program.h"

namespace connbench {
namespace {

NamedConnector find_checked(const std::string& name) {
  NamedConnector connector = for_flag("PROGRAM", [&] { return find_connector(name); });
  if (connector.entry->program == nullptr)
    refuse_flag("PROGRAM", fmt::format("{} is no program but a connector of connbench itself; ./{} would be a program",
                                       connector.name, connector.name));
  return connector;
}

// The verdicts as they come: a runtime may take seconds to start, for each of them.
class Verdicts {
 public:
  void add(const ProgramVerdict& verdict) {
    static constexpr std::array words{"passed", "FAILED", "skipped"};
    const auto kind = static_cast<size_t>(verdict.kind);
    ++counts_[kind];
    print_out(fmt::format("{:<7}  {}{}{}\n", words[kind], verdict.what, verdict.why.empty() ? "" : ": ", verdict.why));
    flush_out();
  }
  int conclude() const {
    print_out(fmt::format("{} passed, {} failed, {} skipped\n", counts_[0], counts_[1], counts_[2]));
    return counts_[1] == 0 ? done : check_failed;
  }

 private:
  std::array<size_t, 3> counts_{};
};

int check_in(const NamedConnector& connector, lab::Lab* lab, const std::string& why_no_lab) {
  Verdicts verdicts;
  const auto report = [&](const ProgramVerdict& verdict) { verdicts.add(verdict); };
  report({ProgramVerdict::Kind::passed, "description", ""});
  ProgramSuite(connector, lab, why_no_lab, report).run();
  return verdicts.conclude();
}

int check(const std::string& name) {
  raise_descriptor_limit();
  const NamedConnector connector = find_checked(name);
  const DescriptionAnswer& answer = connector.entry->program->answer();
  if (!answer.description) {
    Verdicts verdicts;
    verdicts.add({ProgramVerdict::Kind::failed, "description", answer.why_not});
    return verdicts.conclude();
  }
  require_machine();
  try {
    return lab::run_in_lab({}, [&](lab::Lab& lab) { return guarded([&] { return check_in(connector, &lab, ""); }); });
  } catch (const lab::Unavailable& error) {
    return check_in(connector, nullptr, error.what());
  }
}

}  // namespace

Command check_command() {
  auto program = std::make_shared<std::string>();
  return {.name = "check",
          .summary = "whether a program can be a connector, and what it gets wrong",
          .groups = {{"Options",
                      {{.name = "PROGRAM",
                        .value = "",
                        .destination = program.get(),
                        .help = "a path with a slash, or the name of a program that connbench list shows.",
                        .completes = Completes::files}}}},
          .notes = {"Runs the program as connbench run does, at every target that it and this machine can reach, and "
                    "says what it got wrong. docs/programs.md describes what a program has to do.",
                    "Exit status: 0 it passed, 1 it failed a check, 2 unusable arguments, 3 nothing can be measured "
                    "here."},
          .examples = {{"A program of your own", "connbench check ./my-client"}},
          .run = [program] { return check(*program); },
          .check = [program] { find_checked(*program); }};
}

}  // namespace connbench
