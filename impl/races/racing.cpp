#include "impl/races/racing.h"

#include <errno.h>

#include <algorithm>

#include "impl/races/address_order.h"
#include "impl/sockets/begin_connect.h"
#include "impl/sockets/completions.h"

namespace connbench {

RacingConnector::RacingConnector(const ConnectorSettings& settings, const RaceRules& rules)
    : retirement_(settings.retirement),
      rules_(rules),
      setup_(settings.options),
      races_(settings.max_in_flight),
      deadlines_(settings.max_in_flight),
      next_tries_(settings.max_in_flight) {
  for (size_t i = races_.size(); i-- > 0;) {
    races_[i].next_free = free_race_;
    free_race_ = static_cast<uint32_t>(i);
  }
  tries_.reserve(settings.max_in_flight);
  done_.reserve(settings.max_in_flight);
}

size_t RacingConnector::submit(std::span<const Attempt> attempts) {
  size_t taken = 0;
  for (const Attempt& attempt : attempts) {
    if (free_race_ == none) break;
    const uint32_t index = free_race_;
    free_race_ = races_[index].next_free;
    races_[index] = {.attempt = attempt, .started = now()};
    ++live_;
    deadlines_.add(index, races_[index].started, attempt.timeout);
    begin_next(index);
    ++taken;
  }
  return taken;
}

size_t RacingConnector::reap(std::vector<Completion>& completions, TimePoint wait_until) {
  while (live_ > 0) {
    const TimePoint wake = done_.empty() ? std::min({wait_until, deadlines_.next(), next_tries_.next()}) : TimePoint{};
    const int error = epoll_.wait(wake, [this](uint64_t tag, uint32_t events) { on_event(tag, events); });
    const TimePoint time = now();
    expire(time);
    // When the wait fails, nothing more can be learnt about any attempt, and trying again would spin.
    if (error != 0 && error != EINTR) end_all({.call = Call::wait, .error = error});
    if (!done_.empty() || time >= wait_until) break;
  }
  return move_completions(done_, completions);
}

const Endpoint& RacingConnector::address(const Race& race) const {
  const auto all = race.attempt.endpoints;
  return rules_.alternate_families ? interleaved(all, race.begun) : all[race.begun];
}

Duration RacingConnector::until_next(const Race& race) const {
  return rules_.next_after.value_or(race.attempt.timeout / static_cast<int64_t>(race.attempt.endpoints.size()));
}

// Begins tries until one is pending or has connected, or until all addresses have failed.
void RacingConnector::begin_next(uint32_t index) {
  Race& race = races_[index];
  if (rules_.one_at_a_time) drop_tries(race);
  while (race.begun < race.attempt.endpoints.size()) {
    const Endpoint& to = address(race);
    ++race.begun;
    Begun begun = begin_connect({.id = race.attempt.id, .endpoints = {&to, 1}, .scheduled = {}, .timeout = {}}, setup_);
    if (begun.evidence.error == 0) return end(index, begun.evidence, std::move(begun.fd));
    race.failure = begun.evidence;
    if (!begun.pending()) continue;
    const uint32_t added = add_try(index, std::move(begun.fd), to.family());
    const Try& entry = tries_[added];
    const uint64_t tag = static_cast<uint64_t>(entry.generation) << 32 | added;
    race.failure = {.call = Call::wait, .error = epoll_.add(entry.fd.get(), tag), .family = to.family()};
    if (race.failure.error != 0) {
      remove_try(added);
      continue;
    }
    if (race.begun < race.attempt.endpoints.size()) next_tries_.add(index, begun.started, until_next(race));
    return;
  }
  if (race.tries == none) end(index, race.failure);
}

uint32_t RacingConnector::add_try(uint32_t race, UniqueFd fd, sa_family_t family) {
  if (free_try_ == none) {
    free_try_ = static_cast<uint32_t>(tries_.size());
    tries_.emplace_back();
  }
  const uint32_t index = free_try_;
  Try& entry = tries_[index];
  free_try_ = entry.next;
  entry.fd = std::move(fd);
  entry.family = family;
  entry.race = race;
  entry.next = races_[race].tries;
  races_[race].tries = index;
  return index;
}

UniqueFd RacingConnector::remove_try(uint32_t index) {
  Try& entry = tries_[index];
  uint32_t* link = &races_[entry.race].tries;
  while (*link != index) link = &tries_[*link].next;
  *link = entry.next;
  entry.next = free_try_;
  free_try_ = index;
  entry.race = none;
  ++entry.generation;
  return std::move(entry.fd);
}

void RacingConnector::drop_tries(Race& race) {
  while (race.tries != none) remove_try(race.tries);
}

void RacingConnector::on_event(uint64_t tag, uint32_t events) {
  const auto index = static_cast<uint32_t>(tag);
  const Try& entry = tries_[index];
  if (entry.race == none || entry.generation != tag >> 32) return;  // an event handled earlier has closed it
  Evidence evidence = end_connect(entry.fd.get(), entry.family);
  const bool writable = (events & EPOLLOUT) != 0;
  if (evidence.error == 0 && !writable) {  // SO_ERROR does not have the error yet
    evidence = {.call = Call::wait, .error = epoll_.watch_again(entry.fd.get(), tag), .family = entry.family};
    if (evidence.error == 0) return;
  }
  const uint32_t race = entry.race;
  UniqueFd fd = remove_try(index);
  if (evidence.error == 0) return end(race, evidence, std::move(fd));
  races_[race].failure = evidence;
  if (races_[race].begun == races_[race].attempt.endpoints.size() && races_[race].tries == none)
    return end(race, evidence, std::move(fd));
  fd.reset(-1);
  next_tries_.remove(race);
  begin_next(race);
}

void RacingConnector::expire(TimePoint time) {
  for (uint32_t race; (race = deadlines_.overdue(time)) != none;)
    end(race, {.call = Call::wait, .family = races_[race].failure.family, .deadline_passed = true});
  for (uint32_t race; (race = next_tries_.overdue(time)) != none;) {
    next_tries_.remove(race);
    begin_next(race);
  }
}

void RacingConnector::cancel_all() {
  end_all({.call = Call::wait, .cancelled = true});
}

void RacingConnector::end_all(const Evidence& evidence) {
  for (uint32_t race; (race = deadlines_.any()) != none;) end(race, evidence);
}

// `finished` is stamped first, so closing the losers is not measured.
void RacingConnector::end(uint32_t index, const Evidence& evidence, UniqueFd winner) {
  const TimePoint finished = now();
  Race& race = races_[index];
  drop_tries(race);
  deadlines_.remove(index);
  next_tries_.remove(index);
  Completion& completion = done_.emplace_back(Completion{.id = race.attempt.id,
                                                         .result = classify(evidence),
                                                         .started = race.started,
                                                         .finished = finished,
                                                         .handshake = {}});
  retirement_.retire(std::move(winner), completion);
  race.next_free = free_race_;
  free_race_ = index;
  --live_;
}

}  // namespace connbench
