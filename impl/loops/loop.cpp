#include "impl/loops/loop.h"

#include <errno.h>

#include <algorithm>

#include "impl/sockets/begin_connect.h"
#include "impl/sockets/completions.h"

namespace connbench {

LoopConnector::LoopConnector(const ConnectorSettings& settings)
    : retirement_(settings.retirement),
      setup_(settings.options),
      detect_(detect_of(settings.options)),
      pending_(settings.max_in_flight) {
  done_.reserve(settings.max_in_flight);
}

size_t LoopConnector::submit(std::span<const Attempt> attempts) {
  size_t taken = 0;
  for (const Attempt& attempt : attempts) {
    if (pending_.full()) break;
    start(attempt);
    ++taken;
  }
  return taken;
}

void LoopConnector::start(const Attempt& attempt) {
  Begun begun = begin_connect(attempt, setup_);
  if (!begun.pending()) return complete(attempt.id, begun.started, now(), begun.evidence, std::move(begun.fd));
  const uint32_t index = pending_.add(std::move(begun.fd), attempt, begun.started);
  if (const Evidence evidence = watch(index); evidence.error != 0) end(index, evidence);
}

size_t LoopConnector::reap(std::vector<Completion>& completions, TimePoint wait_until) {
  while (pending_.size() > 0) {
    const TimePoint wake = done_.empty() ? std::min(wait_until, pending_.next_deadline()) : at_once;
    const int error = wait(std::max(wake, at_once));
    const TimePoint time = now();
    expire(time);
    // When the wait fails, nothing more can be learnt about any attempt, and trying again would spin.
    if (error != 0 && error != EINTR) end_all({.call = Call::wait, .error = error});
    if (!done_.empty() || time >= wait_until) break;
  }
  settle();
  return move_completions(done_, completions);
}

bool LoopConnector::ready(uint32_t index, bool writable) {
  const Pending::Entry& entry = pending_[index];
  const std::optional<Evidence> evidence = ask(detect_, entry.fd.get(), *entry.to, writable);
  if (!evidence) return false;
  end(index, *evidence);
  return true;
}

// What falls due while these are disposed of waits for the next turn, so that a loop which is behind still looks at its
// sockets.
void LoopConnector::expire(TimePoint time) {
  for (uint32_t index; (index = pending_.overdue(time)) != Pending::none;)
    end(index, {.call = Call::wait, .deadline_passed = true});
}

void LoopConnector::cancel_all() {
  end_all({.call = Call::wait, .cancelled = true});
}

void LoopConnector::end_all(const Evidence& evidence) {
  while (pending_.size() > 0) end(pending_.any(), evidence);
}

// The clock is read for each attempt when its turn comes. One reading for all that a wait has ended would hide how long
// the last ones wait until the others are disposed of.
void LoopConnector::end(uint32_t index, Evidence evidence) {
  const TimePoint finished = now();
  const Pending::Entry& entry = pending_[index];
  evidence.family = entry.to->family();
  const uint64_t id = entry.id;
  const TimePoint started = entry.started;
  unwatch(index);
  complete(id, started, finished, evidence, pending_.remove(index));
}

void LoopConnector::complete(uint64_t id, TimePoint started, TimePoint finished, const Evidence& evidence,
                             UniqueFd fd) {
  Completion& completion = done_.emplace_back(
      Completion{.id = id, .result = classify(evidence), .started = started, .finished = finished, .handshake = {}});
  retirement_.retire(std::move(fd), completion);
}

}  // namespace connbench
