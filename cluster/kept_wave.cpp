#include "cluster/kept_wave.h"

#include <algorithm>

#include "harness/support/statistics.h"

namespace connbench::cluster {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration answer_patience = seconds(10);  // for what takes no time worth mentioning
constexpr Duration sorting_an_attempt = microseconds(5);
constexpr Duration writing_patience = seconds(30);
constexpr Duration writing_an_attempt = microseconds(20);  // about 6 MB/s, on the slowest of disks
constexpr Duration look_interval = milliseconds(100);

/// A host was lost while the hosts were asked.
struct LostMeanwhile {};

Figure figure_of(size_t index) {
  return static_cast<Figure>(index);
}

}  // namespace

void KeptWave::gather() {
  const auto order = [this](const WaveAtHosts::Part& part) {
    return Json{{"is", "figures"}, {"offset_ns", part.offset_ns}, {"quantiles", wave_.quantiles}};
  };
  const auto longest = static_cast<int64_t>(largest_part());
  const std::vector<Json> figures = ask(order, answer_patience + sorting_an_attempt * longest);
  while (!find_all(figures)) {
  }
  for (size_t i = 0; i < wave_.parts.size(); ++i) of_hosts_.push_back(of_part(i, figures[i]));
}

// Every host's answer, by part; null = it gives none, and takes no part any more.
std::vector<Json> KeptWave::ask(const std::function<Json(const WaveAtHosts::Part&)>& order, Duration patience) {
  std::string is;
  for (const WaveAtHosts::Part& part : wave_.parts) {
    if (!part.here) continue;
    const Json message = order(part);
    is = message.at("is");
    job_.tell(part.rank, message);
  }
  std::vector<Json> said = answers(is, now() + patience);
  for (size_t i = 0; i < said.size(); ++i) wave_.parts[i].here = wave_.parts[i].here && !said[i].is_null();
  return said;
}

// After a request to stop, a host skips the remaining rows, but it still replies.
std::vector<Json> KeptWave::answers(const std::string& is, TimePoint deadline) {
  const std::vector<WaveAtHosts::Part>& parts = wave_.parts;
  std::vector<Json> said(parts.size());
  const auto waiting = [&] {
    for (size_t i = 0; i < parts.size(); ++i)
      if (parts[i].here && said[i].is_null() && !job_.is_lost(parts[i].rank)) return true;
    return false;
  };
  while (waiting() && now() < deadline) {
    if (stop_.pending() != 0)  // more than once: the order to answer may be taken up after it
      for (const WaveAtHosts::Part& part : parts) job_.tell(part.rank, {{"is", "stop"}});
    auto next = job_.next_of_the_last(std::min(deadline, now() + look_interval));
    if (!next || next->second.value("wave", uint64_t{0}) != wave_.wave || next->second.at("is") != is) continue;
    const auto part = std::ranges::find(parts, next->first, &WaveAtHosts::Part::rank);
    // The answer of a host that was given up belongs to an earlier question.
    if (part != parts.end() && part->here) said[static_cast<size_t>(part - parts.begin())] = std::move(next->second);
  }
  return said;
}

// What the hosts have of a group together: the whole wave, or one target. @return of each figure
std::array<Spread, figure_count> KeptWave::add_up(size_t group, const std::vector<Json>& figures) {
  std::array<Spread, figure_count> spreads{};
  Found& found = found_[group];
  size_t wanted = group == 0 ? 0 : wave_.of_targets[group - 1];
  for (size_t i = 0; i < wave_.parts.size(); ++i) {
    if (group == 0) wanted += wave_.parts[i].attempts;
    if (!wave_.parts[i].here) continue;
    const Json& own = figures[i].at("groups").at(group);
    found.tally.add(read_tally(own.at("tally")));
    for (size_t figure = 0; figure < figure_count; ++figure)
      spreads[figure].add(read_spread(own.at("spreads").at(figure)));
  }
  found.never_offered = wave_.by_time ? 0 : wanted - found.tally.samples;
  return spreads;
}

// False when a host was lost meanwhile: then everything is to be done again, without it.
bool KeptWave::find_all(const std::vector<Json>& figures) {
  found_.assign(1 + wave_.of_targets.size(), {});
  std::vector<Sought> sought;
  std::vector<std::optional<int64_t>*> places;
  for (size_t group = 0; group < found_.size(); ++group) {
    const auto spreads = add_up(group, figures);
    const auto& [tally, never_offered, unused] = found_[group];
    for (size_t figure = 0; figure < figure_count; ++figure) {
      const auto& [count, least, most] = spreads[figure];
      const size_t all = count + attempts_beyond(figure_of(figure), count, tally, never_offered);
      Quantiles& quantiles = found_[group].quantiles[figure];
      quantiles.resize(wave_.quantiles.size());
      for (size_t i = 0; i < quantiles.size(); ++i) {
        const auto rank = nearest_rank(all, wave_.quantiles[i]);
        if (rank && *rank > count) quantiles[i] = never_ns;
        if (!rank || *rank > count) continue;
        sought.push_back({.distribution = group * figure_count + figure, .rank = *rank, .low = least, .high = most});
        places.push_back(&quantiles[i]);
      }
    }
  }
  try {
    const auto values = find_by_rank(std::move(sought), [this](const auto& some) { return count_up_to(some); });
    for (size_t i = 0; i < values.size(); ++i) *places[i] = values[i];
  } catch (const LostMeanwhile&) {
    return false;
  }
  return true;
}

std::vector<size_t> KeptWave::count_up_to(const std::vector<Question>& questions) {
  Json order{{"is", "up_to"}, {"distributions", Json::array()}, {"values", Json::array()}};
  for (const auto& [distribution, value] : questions) {
    order["distributions"].push_back(distribution);
    order["values"].push_back(value);
  }
  const size_t before = hosts_here();
  const auto said = ask([&](const WaveAtHosts::Part&) { return order; }, answer_patience);
  if (hosts_here() < before) throw LostMeanwhile();
  std::vector<size_t> counts(questions.size(), 0);
  for (const Json& own : said) {
    if (own.is_null()) continue;
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += own.at("counts").at(i).get<size_t>();
  }
  return counts;
}

KeptWave::Found KeptWave::of_part(size_t part, const Json& figures) const {
  const auto& [rank_of_host, wanted, offset, here] = wave_.parts[part];
  Found found;
  if (here) found.tally = read_tally(figures.at("groups").at(0).at("tally"));
  found.never_offered = wave_.by_time ? 0 : wanted - found.tally.samples;
  for (size_t figure = 0; figure < figure_count; ++figure) {
    const size_t beyond = attempts_beyond(figure_of(figure), 0, found.tally, found.never_offered);
    for (size_t i = 0; i < wave_.quantiles.size(); ++i) {
      if (!here) {  // none of its attempts had a response
        const auto rank = nearest_rank(beyond, wave_.quantiles[i]);
        found.quantiles[figure].push_back(rank ? std::optional(never_ns) : std::nullopt);
        continue;
      }
      const Json& own = figures.at("own").at(figure).at(i);
      found.quantiles[figure].push_back(own.is_null() ? std::nullopt : std::optional(own.get<int64_t>()));
    }
  }
  return found;
}

RowAttempts KeptWave::attempts(const Found& found) const {
  return {
      .tally = found.tally, .never_offered = found.never_offered, .quantile = [this, &found](Figure figure, double q) {
        const auto place = std::ranges::find(wave_.quantiles, q) - wave_.quantiles.begin();
        return found.quantiles[static_cast<size_t>(figure)].at(static_cast<size_t>(place));
      }};
}

size_t KeptWave::append_samples(std::string_view run_id, int64_t origin_ns) {
  if (!wave_.rows) return 0;
  size_t omitted = 0;
  for (const WaveAtHosts::Part& part : wave_.parts)
    if (!part.here && !wave_.by_time) omitted += part.attempts;
  const auto order = [&](const WaveAtHosts::Part&) {
    return Json{{"is", "rows"}, {"run_id", run_id}, {"origin_ns", origin_ns}};
  };
  const auto longest = static_cast<int64_t>(largest_part());
  const std::vector<WaveAtHosts::Part> asked = wave_.parts;
  const std::vector<Json> said = ask(order, writing_patience + writing_an_attempt * longest);
  for (size_t i = 0; i < said.size(); ++i) {
    if (!said[i].is_null()) omitted += said[i].at("omitted").get<size_t>();
    if (said[i].is_null() && asked[i].here && !wave_.by_time) omitted += asked[i].attempts;
  }
  return omitted;
}

size_t KeptWave::hosts_here() const {
  return static_cast<size_t>(std::ranges::count(wave_.parts, true, &WaveAtHosts::Part::here));
}

size_t KeptWave::largest_part() const {
  return std::ranges::max(wave_.parts, {}, &WaveAtHosts::Part::attempts).attempts;
}

}  // namespace connbench::cluster
