#include "harness/run/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "harness/machine/machine.h"
#include "harness/machine/processors.h"
#include "harness/programs/program.h"
#include "harness/record/thresholds.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

// What the program of the case declares about its outcomes at a target; nullptr when it is nothing.
const ProgramDescription::Misleading* misleading_at(const PlannedCase& planned, const NamedTarget& target) {
  if (planned.connector->entry->program == nullptr) return nullptr;
  const auto& declared = planned.connector->entry->program->description().misleading;
  const auto found = std::ranges::find_if(declared, [&](const ProgramDescription::Misleading& one) {
    return one.target == target.entry->name || one.target == target.name;
  });
  return found == declared.end() ? nullptr : &*found;
}

bool explained(const PlannedCase& planned, const NamedTarget& target, Outcome outcome) {
  if (target.entry->expected_outcomes(planned.what.family).contains(outcome) || !planned.capabilities.opens_sockets)
    return true;
  if (misleading_at(planned, target) != nullptr) return true;
  // A fleet is there to show how attempts starve behind dead hosts.
  const bool starved = outcome == Outcome::never_started || outcome == Outcome::cancelled;
  return starved && planned.mix != nullptr && !planned.answers();
}

// How many attempts to one target of the case ended with `outcome`.
size_t count_of(const SummaryRow& row, const PlannedCase& planned, size_t target, Outcome outcome) {
  return planned.mix == nullptr ? row.count(outcome) : row.by_target[target].count(outcome);
}

// Calls `visit(target, outcome, count)` for every outcome that its target does not explain.
template <class Visit>
void each_unexplained(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows, Visit visit) {
  const auto targets = planned.targets();
  for (size_t i = 0; i < targets.size(); ++i)
    for (const Outcome outcome : all_outcomes()) {
      size_t count = 0;
      for (const SummaryRow* row : rows) count += count_of(*row, planned, i, outcome);
      if (count > 0 && !explained(planned, *targets[i], outcome)) visit(*targets[i], outcome, count);
    }
}

std::string outcome_counts(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows) {
  std::string text;
  each_unexplained(planned, rows, [&](const NamedTarget& target, Outcome outcome, size_t count) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(outcome));
    if (planned.mix != nullptr) text += fmt::format(" at {}", target.name);
  });
  return text;
}

// Whether all unexplained outcomes come from the end of a wave.
bool cut_short_only(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows) {
  bool only = true;
  each_unexplained(planned, rows, [&](const NamedTarget&, Outcome outcome, size_t) {
    only = only && (outcome == Outcome::never_started || outcome == Outcome::cancelled);
  });
  return only;
}

std::string advice_when_server_bound() {
  const auto cpus = suggested_cpus();
  return cpus ? fmt::format("Give the server a processor of its own (--cpus {}).", cpus->text())
              : "Client and server share the only processor that is available here; give the run more of them.";
}

// The largest share of one processor that the server used in any wave.
double highest_server_share(const std::vector<const SummaryRow*>& rows) {
  double share = 0;
  for (const SummaryRow* row : rows)
    if (row->makespan_ns && *row->makespan_ns > 0 && row->usage.server_cpu_ns > 0)
      share = std::max(share, static_cast<double>(row->usage.server_cpu_ns) / static_cast<double>(*row->makespan_ns));
  return share;
}

// Each has ports of its own.
size_t source_addresses(const NamedConnector& connector) {
  const Options& options = connector.options;
  if (!options.knows("source-address") || !options.given("source-address")) return 1;
  return options.addresses("source-address").size();
}

// Waves with a given time that came to the end of their room before.
std::string room_warning(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows) {
  if (planned.lasts == Duration::zero()) return "";
  const auto full = std::ranges::count(rows, planned.what.attempts, &SummaryRow::attempts);
  if (full == 0) return "";
  return fmt::format(
      "{}: {} of {} waves ended after {} attempts, before --duration was over: there is no room for more. Give "
      "--attempts, or a shorter --duration.",
      planned.what.describe(), full, rows.size(), planned.what.attempts);
}

}  // namespace

bool has_unexplained_outcome(const PlannedCase& planned, const SummaryRow& row) {
  bool found = false;
  each_unexplained(planned, {&row}, [&](const NamedTarget&, Outcome, size_t) { found = true; });
  return found;
}

std::vector<std::string> port_warnings(const RunRequest& request, const PlannedCase& planned, size_t destinations) {
  if (planned.what.family == Family::unix_domain || !planned.capabilities.opens_sockets) return {};
  const size_t ports = ephemeral_port_count();
  // A reset connection releases its port at once. One that is held open or in TIME_WAIT keeps it after its attempt.
  const CloseMode close = planned.connector->policy(request.policy).close;
  const size_t at_once = close == CloseMode::rst ? planned.what.concurrency : planned.what.attempts;
  const size_t each = at_once / std::max<size_t>(destinations, 1) / source_addresses(*planned.connector);
  const bool unknown = planned.lasts > Duration::zero() && close != CloseMode::rst;
  if (each <= ports / 2 || unknown) return {};
  return {fmt::format(
      "{}: {} connections to one address use more than half of the {} ephemeral ports, so the time that the kernel "
      "takes to find a free port will dominate. Lower --concurrency, use --close rst, or widen "
      "net.ipv4.ip_local_port_range.",
      planned.what.describe(), each, ports)};
}

std::vector<std::string> case_warnings(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows) {
  std::vector<std::string> warnings;
  const std::string name = planned.what.describe();
  if (const std::string odd = outcome_counts(planned, rows); !odd.empty())
    warnings.push_back(fmt::format("{}: unexpected outcomes for {}: {}. {}", name,
                                   planned.mix == nullptr ? planned.target->name : "this fleet", odd,
                                   cut_short_only(planned, rows)
                                       ? "The wave reached its limit: raise --wave-limit, or lower --attempts."
                                       : "See the columns stage and os_error in samples.csv."));
  for (const NamedTarget* target : planned.targets())
    if (const auto* declared = misleading_at(planned, *target))
      warnings.push_back(
          fmt::format("{}: {} is declared misleading at {}: it {}. Its outcomes are recorded as it "
                      "reports them.",
                      name, planned.what.connector, target->name, declared->reason));
  if (std::string full = room_warning(planned, rows); !full.empty()) warnings.push_back(std::move(full));
  const double share = highest_server_share(rows);
  if (share > server_bound)
    warnings.push_back(
        fmt::format("{}: server-bound. The server used {:.0f} % of a processor, so the rate is a lower bound. {}", name,
                    share * 100, advice_when_server_bound()));
  return warnings;
}

int64_t listen_overflows(const PlannedCase& planned, const std::vector<const SummaryRow*>& rows) {
  const bool accepted = planned.target->entry->expected_outcomes(planned.what.family).contains(Outcome::connected);
  if (!planned.answers() || !accepted || !planned.capabilities.opens_sockets) return 0;
  int64_t overflows = 0;
  for (const SummaryRow* row : rows) overflows += std::max<int64_t>(row->usage.listen_overflows, 0);
  return overflows;
}

std::string suspension_warning(const Suspension& seen, const WaveResult* wave) {
  const bool stopped = seen.stopped > Duration::zero();
  const std::string what = stopped
                               ? fmt::format("the run was suspended by a signal for {}{}", human_readable(seen.stopped),
                                             seen.asleep > Duration::zero() ? ", and the machine slept" : "")
                               : fmt::format("the machine slept for {}", human_readable(seen.asleep));
  if (wave == nullptr) return fmt::format("{} between two timed waves: no figure includes that.", what);
  return fmt::format(
      "{}, repetition {}: {} during this wave, so its times, rates and timeouts mean nothing. Repeat the run.",
      wave->what.describe(), wave->repetition, what);
}

std::string overflow_warning(const std::vector<std::pair<const PlannedCase*, int64_t>>& overflows) {
  std::string text, load;
  for (const auto& [planned, count] : overflows) {
    if (count == 0) continue;
    const std::string own = planned->what.describe_load();
    text += fmt::format("{}{} ({})", own != load ? fmt::format("{}{}: ", text.empty() ? "" : "; ", own) : ", ",
                        planned->what.connector, count);
    load = own;
  }
  if (text.empty()) return "";
  return fmt::format(
      "listen queues overflowed during these cases (number of times): {}. Where the queue was that of our server, SYNs "
      "were retransmitted. Lower --concurrency, raise net.core.somaxconn, or stop other servers on this machine.",
      text);
}

}  // namespace connbench
