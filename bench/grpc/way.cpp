#include "bench/grpc/way.h"

#include <algorithm>

namespace connbench::channels {

std::string_view to_string(End end) noexcept {
  switch (end) {
    case End::deadline:
      return "deadline";
    case End::ready:
      return "ready";
    case End::failed:
      return "failed";
  }
  return "";
}

Driven open(Way& way, size_t first, const Load& load) {
  Driven driven{.attempts = std::vector<Timed>(load.attempts)};
  std::vector<TimePoint> begun(load.attempts);
  for (size_t i = 0; i < load.attempts; ++i) {
    const TimePoint before = now();
    way.prepare(first + i);
    driven.attempts[i].prepared = now() - before;
  }
  for (size_t i = 0; i < load.attempts; ++i) {
    begun[i] = now();
    way.begin(first + i);
  }
  const TimePoint deadline = begun.front() + load.timeout;
  std::vector<bool> ended(load.attempts);
  for (size_t left = load.attempts; left > 0; --left) {
    const std::optional<Ended> one = way.next(deadline);
    if (!one) break;
    const size_t i = one->attempt - first;
    driven.attempts[i].took = now() - begun[i];
    driven.attempts[i].end = one->end;
    ended[i] = true;
  }
  const TimePoint end = now();
  for (size_t i = 0; i < load.attempts; ++i)
    if (!ended[i]) driven.attempts[i].took = end - begun[i];
  driven.batches.push_back(end - begun.front());
  return driven;
}

Driven drive(Way& way, const Load& load) {
  Driven all;
  for (size_t first = 0; first < load.attempts; first += load.at_once) {
    const size_t count = std::min(load.at_once, load.attempts - first);
    const Driven batch = open(way, first, {.attempts = count, .at_once = count, .timeout = load.timeout});
    for (size_t i = 0; i < count; ++i) way.close(first + i);
    all.attempts.insert(all.attempts.end(), batch.attempts.begin(), batch.attempts.end());
    all.batches.insert(all.batches.end(), batch.batches.begin(), batch.batches.end());
  }
  return all;
}

}  // namespace connbench::channels
