#include "bench/bare_pending_ring.h"

#include <algorithm>
#include <vector>

#include "impl/ring/ring.h"

namespace connbench {
namespace {

class BarePendingRing final : public Connector {
 public:
  explicit BarePendingRing(size_t slots)
      : slots_(slots),
        ring_(requests_per_connect({}) * 256 + 1, static_cast<unsigned>(std::max<size_t>(2048, slots)),
              static_cast<unsigned>(slots), IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER) {}

  Capabilities capabilities() const override { return {}; }

  // Ids are slots.
  size_t submit(std::span<const Attempt> attempts) override {
    for (const Attempt& attempt : attempts) {
      const auto slot = static_cast<uint32_t>(attempt.id);
      youngest_ = {.slot = slot, .started = now(), .deadline = {}};
      youngest_.deadline = youngest_.started + attempt.timeout;
      ring_.connect(slot, attempt.endpoints.front(), nullptr);
      ++live_;
    }
    return attempts.size();
  }

  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override {
    const size_t before = completions.size();
    ring_.submit();
    if (wait_until != TimePoint{} && ring_.ready() == 0) ring_.wait(std::min(wait_until, youngest_.deadline));
    ring_.take(512, [&](Ring::Tag tag, uint32_t slot, int result) {
      if (tag == Ring::Tag::connect) end(completions, slot, result);
    });
    if (now() >= youngest_.deadline) give_up(completions);
    ring_.submit();
    return completions.size() - before;
  }

  // The last slots first, like the connector.
  void cancel_all() override {
    cancelled_ = true;
    for (auto slot = static_cast<uint32_t>(slots_); slot-- > 0;) ring_.cancel(slot);
  }

  size_t in_flight() const override { return live_; }

 private:
  struct Youngest {
    uint32_t slot;
    TimePoint started;
    TimePoint deadline;
  };

  void end(std::vector<Completion>& completions, uint32_t slot, int result) {
    if (given_up_ && slot == youngest_.slot) {  // its disconnection and its close are under way
      given_up_ = false;
      return;
    }
    if (result == 0) ring_.reset_on_close(slot);
    ring_.close(slot);
    complete(completions, slot, cancelled_ ? Outcome::cancelled : Outcome::connected);
  }

  void give_up(std::vector<Completion>& completions) {
    ring_.disconnect(youngest_.slot);
    ring_.close(youngest_.slot);
    given_up_ = true;
    complete(completions, youngest_.slot, Outcome::deadline_exceeded);
    youngest_.deadline = TimePoint::max();
    ring_.submit();
    while (given_up_ && ring_.wait(now() + std::chrono::seconds(1)) == 0)
      ring_.take(512, [&](Ring::Tag tag, uint32_t slot, int result) {
        if (tag == Ring::Tag::connect) end(completions, slot, result);
      });
  }

  void complete(std::vector<Completion>& completions, uint32_t slot, Outcome outcome) {
    completions.push_back({.id = slot,
                           .result = {outcome, Stage::connect, 0},
                           .started = youngest_.started,
                           .finished = now(),
                           .handshake = {}});
    --live_;
  }

  size_t slots_;
  Ring ring_;
  Youngest youngest_{.slot = 0, .started = {}, .deadline = TimePoint::max()};
  bool given_up_ = false;
  bool cancelled_ = false;
  size_t live_ = 0;
};

}  // namespace

std::unique_ptr<Connector> make_bare_pending_ring(size_t max_in_flight) {
  return std::make_unique<BarePendingRing>(max_in_flight);
}

}  // namespace connbench
