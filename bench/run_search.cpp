// Checks of the rates that --arrival and --find-rate ask for.
#include <fmt/format.h>

#include <algorithm>

#include "bench/flags.h"
#include "bench/run_checks.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/quantity.h"

namespace connbench {
namespace {

unsigned dead_hundredths(const Mix& mix, Family family) {
  unsigned dead = 0;
  for (const Mix::Part& part : mix.parts)
    if (!can_connect(part.target, family)) dead += part.hundredths;
  return dead;
}

// No rate meets a goal when too many attempts never connect: the search would never end well.
void refuse_hopeless(const RateGoal& goal, const RunRequest& request) {
  const double may_fail = (1 - goal.quantile) * 10'000 + 1e-6;
  for (const Family family : request.families) {
    for (const NamedTarget& target : request.targets)
      if (!can_connect(target, family))
        throw std::invalid_argument(fmt::format("nothing connects to {}: no rate can hold {}", target.name, goal.text));
    for (const Mix& mix : request.mixes)
      if (const unsigned dead = dead_hundredths(mix, family); dead > may_fail)
        throw std::invalid_argument(
            fmt::format("{} % of {} never connect, and an attempt that fails counts as too late: no rate can hold {}; "
                        "use a lower percentile, or fewer dead hosts",
                        dead / 100.0, mix.name(), goal.text));
  }
}

void refuse_unsearchable(const RunFlags& flags, const RunRequest& request) {
  if (flags.arrival == "closed")
    throw std::invalid_argument(
        "in closed loop there is no rate to search for; use --arrival uniform:RATE/s or poisson:RATE/s");
  if (!request.arrival.starts_with("uniform:") && !request.arrival.starts_with("poisson:"))
    throw std::invalid_argument(
        fmt::format("{} has no rate to search from; use --arrival uniform:RATE/s or poisson:RATE/s", request.arrival));
  if (std::ranges::any_of(request.targets, is_external))
    throw std::invalid_argument(
        "the search would drive a host outside to its limit; it works with connbench's own targets only");
  for (const NamedConnector& connector : request.connectors)
    if (connector.policy(request.policy).close == CloseMode::hold)
      throw std::invalid_argument(
          fmt::format("{} holds every connection until its wave ends, so the search would find the number of "
                      "descriptors; use --close rst or fin",
                      connector.name));
}

}  // namespace

namespace {

void check_arrival(const RunFlags& flags, const std::string& arrival) {
  const ChosenScenario chosen = [&] {
    try {
      return find_scenario(arrival);
    } catch (const std::invalid_argument& error) {
      const std::string suggestion = suggested_arrival(arrival);
      const std::string_view what = error.what();  // it may suggest a part of the value: the whole is better
      refuse_flag("--arrival",
                  suggestion.empty()
                      ? std::string(what)
                      : fmt::format("{}; did you mean {}?", what.substr(0, what.find("; did you mean")), suggestion));
    }
  }();
  if (chosen.label.starts_with("fleet:")) refuse_flag("--arrival", "a fleet is requested with --mix");
  if (flags.spin && !chosen.entry->pacing(arrival, 0)->open_loop())
    refuse_flag("--spin", "closed loop waits for no due time; use it with --arrival uniform:RATE/s or poisson:RATE/s");
}

// "2000/s" after "poisson:1000/s" → "poisson:2000/s".
std::string in_full(const std::string& text, const std::vector<std::string>& before) {
  if (before.empty() || text.find(':') != std::string::npos || !text.ends_with("/s")) return text;
  const std::string& last = before.back();
  if (!last.starts_with("poisson:") && !last.starts_with("uniform:")) return text;
  return last.substr(0, last.find(':') + 1) + text;
}

// A comma between digits separates thousands: in a list, the unit stands before it.
std::string without_thousands_separators(std::string_view text) {
  const auto is_digit = [&](size_t place) { return place < text.size() && text[place] >= '0' && text[place] <= '9'; };
  std::string plain;
  for (size_t place = 0; place < text.size(); ++place)
    if (text[place] != ',' || place == 0 || !is_digit(place - 1) || !is_digit(place + 1)) plain += text[place];
  return plain;
}

}  // namespace

std::vector<std::string> read_arrivals(const RunFlags& flags) {
  if (const std::string plain = without_thousands_separators(flags.arrival); plain != flags.arrival)
    refuse_flag("--arrival", fmt::format("'{}' has a comma in a number; did you mean {}?", flags.arrival, plain));
  std::vector<std::string> arrivals;
  const std::vector<std::string> texts = split_list(flags.arrival);
  for (const std::string& text : texts) {
    const std::string arrival = in_full(text, arrivals);
    check_arrival(flags, arrival);
    arrivals.push_back(canonical_arrival(arrival));
  }
  refuse_equal("--arrival", arrivals, texts);
  if (arrivals.size() > 1 && std::ranges::count(arrivals, "closed") > 0)
    refuse_flag("--arrival", "a closed loop and a rate are two questions: measure them in two runs");
  if (arrivals.size() > 1 && !flags.find_rate.empty()) refuse_flag("--arrival", "a search starts at one rate");
  return arrivals;
}

void check_duration(const RunRequest& request) {
  if (!request.duration || offered_rate(request.arrival)) return;
  for (const NamedConnector& connector : request.connectors)
    if (connector.policy(request.policy).close == CloseMode::hold)
      throw std::invalid_argument(
          fmt::format("--duration in closed loop: {} holds every connection until its wave ends, so the wave would end "
                      "when descriptors run out; use --close rst or fin, or --attempts",
                      connector.name));
  if (std::ranges::any_of(request.targets, is_external))
    throw std::invalid_argument(
        "--duration in closed loop: at a host outside the number of attempts must be known; use --attempts");
}

void prepare_search(const RunFlags& flags, RunRequest& request) {
  const RateGoal goal = parse_rate_goal(flags.find_rate);
  refuse_unsearchable(flags, request);
  refuse_hopeless(goal, request);
  const double first = *offered_rate(request.arrival);
  if (first < goal.lowest_rate() || first > highest_rate)
    throw std::invalid_argument(
        fmt::format("the search starts at the rate of --arrival, which must lie between {:.6g}/s and {:.6g}/s; "
                    "{:.6g}/s does not",
                    goal.lowest_rate(), highest_rate, first));
  request.find_rate = goal;
  request.first_rate = first;
  request.attempts = goal.attempts_at(first);
  request.count_syscalls = false;  // their number belongs to a case of fixed size
}

}  // namespace connbench
