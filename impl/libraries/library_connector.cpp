#include "impl/libraries/library_connector.h"

#include <errno.h>

#include <algorithm>

#include "impl/sockets/completions.h"

namespace connbench {

Evidence open_socket(SocketSetup& setup, sa_family_t family, UniqueFd& fd) noexcept {
  fd.reset(setup.open(family, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) return {.call = Call::socket, .error = errno, .family = family};
  return setup.prepare(fd.get(), family);
}

LibraryConnector::LibraryConnector(const ConnectorSettings& settings)
    : retirement_(settings.retirement), setup_(settings.options) {
  slots_.reserve(settings.max_in_flight);
  free_.reserve(settings.max_in_flight);
  done_.reserve(settings.max_in_flight);
}

void LibraryConnector::adopt(InFlight& slot) {
  slots_.push_back(&slot);
  free_.push_back(&slot);
}

size_t LibraryConnector::submit(std::span<const Attempt> attempts) {
  size_t taken = 0;
  for (const Attempt& attempt : attempts) {
    if (free_.empty()) break;
    InFlight& slot = *free_.back();
    free_.pop_back();
    slot.completion = {.id = attempt.id};
    slot.family = attempt.endpoints.front().family();
    slot.open = true;
    slot.decided = false;
    ++open_;
    begin(slot, attempt);
    ++taken;
  }
  return taken;
}

size_t LibraryConnector::reap(std::vector<Completion>& completions, TimePoint wait_until) {
  while (open_ > 0) {
    run_loop(done_.empty() && wait_until > now() ? wait_until : at_once);
    if (!done_.empty() || now() >= wait_until) break;
  }
  return move_completions(done_, completions);
}

void LibraryConnector::cancel_all() {
  for (InFlight* slot : slots_)
    if (slot->open && !slot->decided) give_up(*slot);
}

void LibraryConnector::decide(InFlight& slot, Evidence evidence) noexcept {
  slot.completion.finished = now();
  evidence.family = slot.family;
  slot.completion.result = classify(evidence);
  slot.decided = true;
}

void LibraryConnector::ended(InFlight& slot) {
  slot.open = false;
  --open_;
  free_.push_back(&slot);
  done_.push_back(slot.completion);
}

void LibraryConnector::shut_down() {
  cancel_all();
  while (open_ > 0) run_loop(at_once);
}

Call call_that_failed(int error) noexcept {
  return error == EMFILE || error == ENFILE ? Call::socket : Call::connect;
}

Call call_that_reported(int error, sa_family_t family) noexcept {
  const Call call = call_that_failed(error);
  return call == Call::connect && family != AF_UNIX ? Call::so_error : call;
}

int64_t milliseconds_until(TimePoint time) noexcept {
  const TimePoint current = now();
  return time <= current ? 0 : whole_milliseconds(time - current);
}

int64_t whole_milliseconds(Duration duration) noexcept {
  return std::chrono::ceil<std::chrono::milliseconds>(duration).count();
}

}  // namespace connbench
