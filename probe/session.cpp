#include "probe/session.h"

#include <algorithm>

#include "harness/machine/machine.h"
#include "harness/machine/shortage.h"
#include "probe/children.h"
#include "probe/surroundings.h"

namespace connbench::probe {
namespace {

// Probes mostly wait, but those that measure times should not compete for a CPU.
constexpr size_t at_once = 6;
constexpr Duration limit = std::chrono::seconds(45);  // for one probe: only a defect exceeds it

// A probe says so itself, or this machine has too little of something.
bool says_not_testable(const std::exception& reason) {
  return dynamic_cast<const NotTestable*>(&reason) != nullptr || remedy_for(reason);
}

std::string run_claim(const Entry& claim, const Place& place) {
  Finding finding;
  try {
    if (claim.needs_lab && place.lab == nullptr) throw NotTestable("it needs the lab: " + place.why_no_lab);
    Surroundings here(place.lab, place.machine_gives_up);
    finding = claim.run(here);
  } catch (const std::exception& reason) {
    if (!says_not_testable(reason)) throw;
    finding = {Verdict::not_testable, {with_remedy(reason)}};
  }
  return to_text(finding);
}

std::string run_row(AttemptState state, const Place& place) {
  try {
    Surroundings here(place.lab, place.machine_gives_up);
    return to_text(observe(state, here));
  } catch (const std::exception& reason) {
    if (!says_not_testable(reason)) throw;
    MatrixRow row{.state = state};
    row.why_not = with_remedy(reason);
    return to_text(row);
  }
}

// A probe that failed has no finding; record the failure in its place.
void keep_claim(const Entry& claim, const ChildAnswer& answer, Findings& findings) {
  if (!answer.ok) findings.defects.push_back(fmt::format("the probe of {} failed: {}", claim.id, answer.text));
  const Finding finding =
      answer.ok ? from_text(answer.text) : Finding{Verdict::not_testable, {"the probe failed: " + answer.text}};
  const auto position = [](const Entry* entry) {
    return std::ranges::find(all_probes(), entry) - all_probes().begin();
  };
  const auto later = std::ranges::find_if(
      findings.results, [&](const Result& result) { return position(result.claim) > position(&claim); });
  findings.results.insert(later, {&claim, finding});
}

void keep_row(AttemptState state, const ChildAnswer& answer, Findings& findings) {
  if (!answer.ok)
    findings.defects.push_back(fmt::format("the row '{}' of the matrix failed: {}", to_string(state), answer.text));
  MatrixRow row{.state = state};
  row.why_not = answer.ok ? "" : answer.text;
  if (answer.ok) row = row_from_text(answer.text);
  const auto later =
      std::ranges::find_if(findings.matrix, [&](const MatrixRow& other) { return other.state > row.state; });
  findings.matrix.insert(later, std::move(row));
}

}  // namespace

// With these sysctls, a connect() without an answer takes 3 s.
lab::Options lab_options() {
  lab::Options options;
  options.sysctls = {{"net.ipv4.tcp_syn_retries", "1"}};
  constexpr const char* linear = "net.ipv4.tcp_syn_linear_timeouts";  // since Linux 6.5
  if (sysctl(linear)) options.sysctls.emplace_back(linear, "0");
  return options;
}

bool run_probes(const Choice& choice, const Place& place, int stop, Findings& findings,
                const std::function<void()>& changed) {
  std::vector<Job> jobs;
  for (const Entry* claim : choice.claims) jobs.push_back([claim, &place] { return run_claim(*claim, place); });
  if (choice.matrix)
    for (const AttemptState state : all_states) jobs.push_back([state, &place] { return run_row(state, place); });
  return run_in_children(jobs, at_once, limit, stop, [&](size_t i, const ChildAnswer& answer) {
    if (i < choice.claims.size())
      keep_claim(*choice.claims[i], answer, findings);
    else
      keep_row(all_states[i - choice.claims.size()], answer, findings);
    changed();
  });
}

}  // namespace connbench::probe
