#include "harness/lab/link/link.h"

#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>

#include "harness/lab/link/held_frames.h"
#include "harness/lab/link/judge.h"
#include "harness/lab/link/outbox.h"
#include "harness/lab/link/packet.h"
#include "harness/lab/link/packet_socket.h"
#include "harness/lab/link/stamp_clock.h"
#include "harness/lab/link/unreachable.h"
#include "harness/machine/processors.h"

namespace connbench::lab {
namespace {

constexpr int batch = 64;  // frames taken from one end before the other gets its turn
constexpr Duration housekeeping_interval = std::chrono::milliseconds(100);

// Measured: spinning for 50 us costs a quarter of a CPU at 20,000 frames/s, 100 us all of it. Both bring the median
// lateness below 1 us.
constexpr Duration spin_window = std::chrono::microseconds(50);

bool may_spin() {
  return available_cpus().size() > 1;
}

/// Hints to the CPU that this is a spin loop.
void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Link {
 public:
  Link(const char* near, const char* far, LinkState& state)
      : state_(state), near_(near), far_(far), judge_(state.rules, state.seed) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
  }

  [[noreturn]] void run() {
    state_.report.ready.store(true, std::memory_order_release);
    for (;;) {
      present_ = now();
      take_in(near_, End::near);
      take_in(far_, End::far);
      release_due();
      to_near_.send();
      to_far_.send();
      if (present_ >= next_housekeeping_) keep_house();
      if (!near_.has_frame() && !far_.has_frame()) wait();
    }
  }

 private:
  Outbox& outbox(End end) noexcept { return end == End::near ? to_near_ : to_far_; }

  void take_in(PacketSocket& socket, End from) noexcept {
    for (int left = batch; left > 0; --left) {
      const auto frame = socket.next();
      if (!frame) return;
      take(*frame, from);
      socket.release();
    }
  }

  void take(const PacketSocket::Frame& frame, End from) noexcept {
    if (!frame.intact) {
      ++state_.report.dropped_by_kernel;
      return;
    }
    const auto packet = parse_frame(frame.bytes);
    if (!packet || packet->to_far != (from == End::near)) {
      ++state_.report.foreign;
      return;
    }
    const Judge::Verdict verdict = judge_.judge(*packet);
    switch (verdict.fate) {
      case Judge::Fate::carry:
        return dispatch(frame, frame.bytes, {.length = 0, .leaves_by = other(from), .is_answer = false}, verdict.hold);
      case Judge::Fate::answer:
        return answer(frame, *packet, verdict.hold);
      case Judge::Fate::lose:
        ++state_.report.lost_by_rule;
        return;
    }
  }

  /// Packets that must not be answered are dropped silently.
  void answer(const PacketSocket::Frame& frame, const Packet& packet, Duration hold) noexcept {
    const size_t length = make_unreachable(frame.bytes, packet, state_.rules[packet.block].answer, answer_);
    if (length == 0) {
      ++state_.report.lost_by_rule;
      return;
    }
    dispatch(frame, std::span(answer_).first(length), {.length = 0, .leaves_by = End::near, .is_answer = true}, hold);
  }

  /// Copies `bytes`, so that the ring slot can be released at once.
  void dispatch(const PacketSocket::Frame& cause, std::span<const uint8_t> bytes, FrameNote note,
                Duration hold) noexcept {
    note.length = static_cast<uint16_t>(bytes.size());
    const FramePool::Slot slot = pool_.take(note);
    if (slot == FramePool::none) {
      ++state_.report.dropped_in_queue;
      return;
    }
    std::memcpy(pool_.bytes(slot).data(), bytes.data(), bytes.size());
    if (hold <= Duration::zero()) return outbox(note.leaves_by).add(slot, Outbox::at_once);
    held_.add(slot, clock_.to_monotonic(cause.stamp, present_) + hold);
  }

  void release_due() noexcept {
    if (held_.empty()) return;
    present_ = now();
    for (int left = 2 * batch; left > 0 && !held_.empty() && held_.first_due() <= present_; --left) {
      const HeldFrames::Held held = held_.take_first();
      outbox(pool_.note(held.slot).leaves_by).add(held.slot, held.due);
    }
  }

  void keep_house() noexcept {
    clock_.measure();
    state_.report.dropped_by_kernel += near_.take_drops() + far_.take_drops();
    next_housekeeping_ = present_ + housekeeping_interval;
  }

  /// Both rings were empty after the request was seen, so every frame that arrived before it has been counted.
  void answer_refresh() noexcept {
    const uint32_t requested = state_.refresh_requested.load(std::memory_order_acquire);
    if (requested == state_.report.refreshed.load(std::memory_order_relaxed)) return;
    if (near_.has_frame() || far_.has_frame()) return;
    keep_house();
    state_.report.refreshed.store(requested, std::memory_order_release);
  }

  /// Waits until a frame arrives or is due, or housekeeping is.
  void wait() noexcept {
    answer_refresh();
    TimePoint until = next_housekeeping_;
    if (!held_.empty()) {
      const TimePoint due = held_.first_due();
      if (may_spin_ && due - now() <= spin_window) return spin_until(due);
      until = std::min(until, may_spin_ ? due - spin_window : due);
    }
    const timespec timeout = to_timespec(until - now());
    pollfd ends[] = {{near_.fd(), POLLIN, 0}, {far_.fd(), POLLIN, 0}};
    if (::ppoll(ends, std::size(ends), &timeout, nullptr) <= 0) return;
    if ((ends[0].revents & POLLERR) != 0) near_.clear_error();
    if ((ends[1].revents & POLLERR) != 0) far_.clear_error();
  }

  void spin_until(TimePoint due) const noexcept {
    while (now() < due && !near_.has_frame() && !far_.has_frame()) relax();
  }

  LinkState& state_;
  PacketSocket near_;
  PacketSocket far_;
  Judge judge_;
  StampClock clock_;
  FramePool pool_;
  HeldFrames held_{FramePool::most_frames};
  Outbox to_near_{near_.fd(), pool_, state_.report};
  Outbox to_far_{far_.fd(), pool_, state_.report};
  std::array<uint8_t, longest_unreachable> answer_{};
  const bool may_spin_ = may_spin();
  TimePoint present_{};
  TimePoint next_housekeeping_{};
};

}  // namespace

void run_link(const char* near, const char* far, LinkState& state) {
  Link(near, far, state).run();
}

}  // namespace connbench::lab
