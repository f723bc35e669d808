// One thread, one io_uring: requests open, connect and close the sockets, many of them in one system call. Choose it
// where system calls dominate the cost of a connection, on a recent kernel (6.8) that permits io_uring.
//
// A socket lives in a slot of the ring (a direct descriptor) from socket() to close(), so that socket() and connect()
// are one chain of requests. reap() sends everything submitted since the last one in a single io_uring_enter. Those
// attempts share one `started`, and the last of them waits until the others have begun. In a closed loop with n in
// flight, that is up to n attempts (the runner submits at most 256 at a time).
//
// When a deadline passes, the socket is disconnected, at a cost that does not depend on the number of pending attempts.
// +deadline:link uses the ring's own mechanism, a timeout linked to each connect. It searches one of at most 256 lists
// for its request, and with tens of thousands pending in a ring, that takes longer than beginning an attempt.
//
// +poll makes it the ring of a program that makes its own system calls: impl/ring/ring_loop.h.
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <system_error>
#include <vector>

#include "harness/connector/registry.h"
#include "impl/ring/ring.h"
#include "impl/ring/ring_loop.h"
#include "impl/sockets/due_lists.h"
#include "impl/sockets/socket_setup.h"

namespace connbench::connectors {
namespace {

constexpr OptionSpec deadline_option{
    .name = "deadline",
    .kind = OptionSpec::Kind::choice,
    .choices = "ring|link",
    .default_value = "ring",
    .help = "how deadlines are kept: by one wait for the next deadline, or by a timeout linked to each connect"};
constexpr OptionSpec options[] = {source_address_option, protocol_option, fastopen_option,
                                  deadline_option,       setup_option,    poll_option};

// An attempt takes some requests to begin and two to end (SO_LINGER, close).
constexpr size_t largest_batch = 256;
constexpr size_t most_taken_at_once = 512;
// To end a socket, the kernel touches it twice, a few kilobytes that have long left the cache. With so few sockets at a
// time they are still cached the second time. With 18,000 overdue, the lateness at p99 was about three times as high
// with 512 at a time, and also with one at a time.
constexpr size_t most_given_up_at_once = 16;
unsigned submissions_for(size_t max_in_flight, const RingSocket& socket) {
  return requests_per_connect(socket) * static_cast<unsigned>(std::min(max_in_flight, largest_batch)) + 1;
}

// How long to wait for what the kernel's thread still has to do, between two looks.
constexpr Duration polled_wait = std::chrono::milliseconds(1);

// An attempt that could not be cancelled because the kernel was working on it is cancelled again after this time, which
// is long enough for its completion to have been taken if it had one.
constexpr Duration cancel_again = std::chrono::milliseconds(100);

// Whether any attempt may need a descriptor when it ends.
bool needs_descriptors(const ConnectionPolicy& policy) {
  return policy.needs_descriptor(true) || policy.needs_descriptor(false);
}

class IoUring final : public Connector {
 public:
  explicit IoUring(const ConnectorSettings& settings)
      : retirement_(settings.retirement),
        setup_(settings.options),
        flags_(setup_flags_of(settings.options)),
        linked_(settings.options.choice("deadline") == "link"),
        batch_(std::min(settings.max_in_flight, largest_batch)),
        slots_(settings.max_in_flight),
        due_(linked_ ? 0 : settings.max_in_flight) {
    for (size_t i = slots_.size(); i-- > 0;) release(static_cast<uint32_t>(i));
    if (needs_descriptors(retirement_.policy())) completion_of_.resize(slots_.size());
    queued_.reserve(batch_);
    deadlines_.resize(linked_ ? slots_.size() : 0);
    open_ring();
  }

  Capabilities capabilities() const override {
    return {.deadline_by = linked_ ? Capabilities::DeadlineBy::linked_request : Capabilities::DeadlineBy::wait,
            .granularity = Duration(1)};
  }

  size_t submit(std::span<const Attempt> attempts) override {
    size_t taken = 0;
    for (const Attempt& attempt : attempts) {
      if (live_ + queued_.size() == slots_.size()) break;
      if (!ring_) {
        const TimePoint time = now();
        ended_.push_back(failed(attempt.id, attempt.endpoints.front().family(), time, time));
      } else {
        if (queued_.size() == batch_) send();
        queued_.push_back(attempt);
      }
      ++taken;
    }
    return taken;
  }

  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override {
    const size_t before = completions.size();
    std::ranges::move(ended_, std::back_inserter(completions));
    ended_.clear();
    while (live_ + queued_.size() > 0) {
      begin_queued();  // before the wait is computed, because the next deadline may be one of theirs
      const TimePoint wake = completions.size() > before ? TimePoint{} : std::min(wait_until, next_wake());
      const int error = linked_ ? ring_->wait(wake) : wait_exactly(wake);
      take(completions);
      const TimePoint time = now();
      if (completions.size() > before) cancel_again_at_ = time + cancel_again;
      if (error != 0 && error != EINTR) fail_all(completions, error);
      give_up_overdue(completions, time);
      if (completions.size() > before || time >= wait_until) break;
    }
    if (ring_) dispose(completions);
    return completions.size() - before;
  }

  void cancel_all() override {
    cancelled_ = true;
    for (const Attempt& attempt : queued_)
      ended_.push_back({.id = attempt.id, .result = {Outcome::never_started, Stage::none, 0}});
    queued_.clear();
    if (live_ > 0) cancel_live(now());
  }

  size_t in_flight() const override { return live_ + queued_.size() + ended_.size(); }

 private:
  struct Slot {
    uint64_t id = 0;
    TimePoint started{};
    TimePoint deadline{};
    uint32_t next_free = DueLists::none;
    sa_family_t family = AF_UNSPEC;
    bool live : 1 = false;      // the ring is processing its connect()
    bool given_up : 1 = false;  // the attempt has ended by its deadline, but connect() has not
    bool closing : 1 = false;   // and its close has been requested
  };

  void open_ring() {
    const unsigned submissions = submissions_for(slots_.size(), socket_for(AF_INET));
    ring_ = std::make_unique<Ring>(submissions, std::max(2 * submissions, static_cast<unsigned>(slots_.size())),
                                   static_cast<unsigned>(slots_.size()), flags_);
  }

  void release(uint32_t slot) {
    slots_[slot].live = false;
    slots_[slot].next_free = free_;
    free_ = slot;
  }

  // Adds the queued attempts to the ring. The next system call sends them.
  void begin_queued() {
    if (queued_.empty()) return;
    const TimePoint started = now();
    for (const Attempt& attempt : queued_) begin(attempt, started);
    queued_.clear();
  }

  void begin(const Attempt& attempt, TimePoint started) {
    const uint32_t index = free_;
    Slot& slot = slots_[index];
    free_ = slot.next_free;
    const Endpoint& to = attempt.endpoints.front();
    slot = {.id = attempt.id,
            .started = started,
            .deadline = started + attempt.timeout,
            .family = to.family(),
            .live = true};
    ++live_;
    ring_->connect(index, to, deadline_of(slot, attempt.timeout, index), socket_for(to.family()));
  }

  // What the options ask of a socket.
  RingSocket socket_for(sa_family_t family) {
    if (family == AF_UNIX || setup_.is_default()) return {};
    return {.protocol = setup_.protocol(family),
            .fastopen = setup_.fastopen(),
            .source = setup_.source().next_address(family)};
  }

  // The deadline to link to the request. A UNIX socket needs none: a non-blocking connect() does not wait there.
  const __kernel_timespec* deadline_of(const Slot& slot, Duration timeout, uint32_t index) {
    if (slot.family == AF_UNIX) return nullptr;
    if (!linked_) {
      due_.add(index, slot.started, timeout);
      return nullptr;
    }
    const timespec at = to_timespec(slot.deadline);
    deadlines_[index] = {.tv_sec = at.tv_sec, .tv_nsec = at.tv_nsec};
    return &deadlines_[index];
  }

  // On an error the next wait() returns it.
  void send() {
    begin_queued();
    ring_->submit();
  }

  // The kernel starts a wait after it has submitted the requests that come with it, and socket() and connect() take
  // 40 µs. Deadlines depend on this wait, so the requests are submitted first. If anything is ready then, it does not
  // wait.
  int wait_exactly(TimePoint wake) {
    if (wake <= TimePoint{}) return ring_->wait(wake);
    const int error = ring_->submit();
    if ((error != 0 && error != EINTR) || ring_->ready() > 0) return error;
    return ring_->wait(wake);
  }

  TimePoint next_wake() const { return std::min(due_.next(), cancelled_ ? cancel_again_at_ : TimePoint::max()); }

  void take(std::vector<Completion>& completions) {
    ring_->take(most_taken_at_once, [&](Ring::Tag tag, uint32_t index, int result) {
      if (tag == Ring::Tag::connect) end(completions, index, {.call = Call::connect, .error = -result});
      if (tag == Ring::Tag::socket) end(completions, index, {.call = Call::socket, .error = -result});
      if (tag == Ring::Tag::option) end(completions, index, {.call = Call::setsockopt, .error = -result});
      if (tag == Ring::Tag::bind) end(completions, index, {.call = Call::bind, .error = -result});
      if (tag == Ring::Tag::install) retire(completions[completion_of_[index]], index, result);
    });
  }

  // Reads the clock for each attempt, as every connector does: a batch shares only its `started`.
  void end(std::vector<Completion>& completions, uint32_t index, Evidence evidence) {
    Slot& slot = slots_[index];
    if (slot.given_up) {
      --leaving_;
      if (!slot.closing) ring_->close(index);  // connect() ended before install() did
    } else {
      evidence.cancelled = cancelled_;
      const TimePoint finished = now();
      evidence.deadline_passed = evidence.error == ECANCELED && finished >= slot.deadline;
      complete(completions, slot, evidence, finished);
      if (evidence.call != Call::socket) close(index, completions);
      due_.remove(index);
      --live_;
    }
    release(index);
  }

  static void complete(std::vector<Completion>& completions, const Slot& slot, Evidence evidence, TimePoint finished) {
    evidence.family = slot.family;
    completions.push_back(
        {.id = slot.id, .result = classify(evidence), .started = slot.started, .finished = finished, .handshake = {}});
  }

  // The requests are sent after `finished` is stamped and before those of any later attempt.
  void close(uint32_t index, const std::vector<Completion>& completions) {
    const bool connected = completions.back().result.outcome == Outcome::connected;
    if (retirement_.policy().needs_descriptor(connected)) {
      install(index, completions);
    } else if (connected && retirement_.policy().close == CloseMode::rst) {
      ring_->reset_on_close(index);
    }
    ring_->close(index);
  }

  // Requests a descriptor for the last of the completions. dispose() waits for it, so the slot is not reused before.
  void install(uint32_t index, const std::vector<Completion>& completions) {
    ring_->install(index, index);
    completion_of_[index] = static_cast<uint32_t>(completions.size() - 1);
    ++installing_;
  }

  void retire(Completion& completion, uint32_t index, int descriptor) {
    --installing_;
    if (descriptor >= 0)
      retirement_.retire(UniqueFd(descriptor), completion);
    else if (completion.result.outcome ==
             Outcome::connected)  // it should be kept open, but there is no descriptor for it
      completion.result = classify({.call = Call::socket, .error = -descriptor});
    if (slots_[index].live) disconnect(index);
  }

  void disconnect(uint32_t index) {
    ring_->disconnect(index);
    ring_->close(index);
    slots_[index].closing = true;
  }

  // Descriptors and slots come back with the system call that requests them, unless a signal interrupts it, or a thread
  // of the kernel makes the requests.
  void dispose(std::vector<Completion>& completions) {
    int error = ring_->submit();
    while (installing_ + leaving_ > 0 && (error == 0 || error == EINTR)) {
      take(completions);
      if (installing_ + leaving_ > 0) error = ring_->wait(ring_->is_polled() ? now() + polled_wait : TimePoint{});
    }
    if (error != 0 && error != EINTR) fail_all(completions, error);
  }

  // These attempts have ended, even if their connect() still succeeds (it is reset then). Their slots are free once the
  // ring has completed their connect().
  void give_up_overdue(std::vector<Completion>& completions, TimePoint time) {
    size_t count = 0;
    for (uint32_t index; (index = due_.overdue(time)) != DueLists::none;) {
      if (++count % most_given_up_at_once == 0) ring_->submit();  // dispose() sends what could not be sent here
      Slot& slot = slots_[index];
      slot.given_up = true;
      complete(completions, slot, {.call = Call::wait, .deadline_passed = true}, now());
      // Disconnecting a socket also erases its TCP_INFO, so that is read first where it is wanted.
      retirement_.policy().needs_descriptor(false) ? install(index, completions) : disconnect(index);
      due_.remove(index);
      --live_;
      ++leaving_;
    }
    if (cancelled_ && live_ > 0 && time >= cancel_again_at_) cancel_live(time);
  }

  // One by one, although one request could cancel all of them (IORING_ASYNC_CANCEL_ALL): after each match, that request
  // walks over all earlier matches again, which takes 78 µs each with 10,000 pending and 2.6 µs with 1,000. The last
  // slots come first, because the kernel keeps requests in at most 256 lists with the youngest in front (0.8 µs each
  // instead of 1.7 µs).
  void cancel_live(TimePoint time) {
    for (auto index = static_cast<uint32_t>(slots_.size()); index-- > 0;)
      if (slots_[index].live && !slots_[index].given_up) ring_->cancel(index);
    cancel_again_at_ = time + cancel_again;
  }

  // When the ring fails, nothing more can be learnt about any attempt. Closing it ends whatever the kernel is still
  // doing. Later attempts use a new ring, or fail with the reason why there is none.
  void fail_all(std::vector<Completion>& completions, int error) {
    ring_error_ = error;
    for (uint32_t index = 0; index < slots_.size(); ++index) {
      const Slot& slot = slots_[index];
      if (!slot.live) continue;
      if (!slot.given_up) completions.push_back(failed(slot.id, slot.family, slot.started, now()));
      due_.remove(index);
      release(index);
    }
    live_ = leaving_ = installing_ = 0;
    ring_.reset();
    try {
      open_ring();
    } catch (const std::system_error& no_ring) {
      ring_error_ = no_ring.code().value();
    }
  }

  Completion failed(uint64_t id, sa_family_t family, TimePoint started, TimePoint finished) const {
    const Evidence evidence{.call = Call::wait, .error = ring_error_, .family = family};
    return {.id = id, .result = classify(evidence), .started = started, .finished = finished, .handshake = {}};
  }

  Retirement& retirement_;
  SocketSetup setup_;
  unsigned flags_;  // of io_uring_setup()
  bool linked_;
  size_t batch_;  // the most that is sent at once
  std::vector<Slot> slots_;
  uint32_t free_ = DueLists::none;
  size_t live_ = 0;                           // slots whose attempt has begun and has not ended
  size_t leaving_ = 0;                        // slots whose attempt was given up and whose connect() has not ended
  std::vector<Attempt> queued_;               // accepted, not begun
  std::vector<Completion> ended_;             // attempts that ended without the ring, not reaped yet
  std::vector<__kernel_timespec> deadlines_;  // by slot; read when the kernel takes the request
  DueLists due_;                              // used without linked timeouts
  bool cancelled_ = false;
  TimePoint cancel_again_at_{};
  size_t installing_ = 0;                // completions that wait for their descriptor
  std::vector<uint32_t> completion_of_;  // by slot, for those completions
  std::unique_ptr<Ring> ring_;           // empty after it failed and could not be replaced
  int ring_error_ = 0;
};

std::optional<std::string> probe(const ConnectorSettings& settings) {
  if (auto reason = probe_socket_setup(settings)) return reason;
  if (settings.options.choice("poll") != "none") return probe_ring_loop(settings);
  SocketSetup setup(settings.options);
  if (setup.protocol(AF_INET) == IPPROTO_MPTCP)
    return "disconnecting an MPTCP socket does not end the ring's connect(), so no deadline could: give +poll:oneshot";
  const bool ipv4 = setup.source().addresses(AF_INET6).empty();
  const RingSocket socket{.protocol = setup.protocol(AF_INET),
                          .fastopen = setup.fastopen(),
                          .source = setup.source().next_address(ipv4 ? AF_INET : AF_INET6)};
  return Ring::probe(settings.max_in_flight, needs_descriptors(settings.retirement.policy()),
                     setup_flags_of(settings.options), socket);
}

}  // namespace

extern const ConnectorEntry io_uring;
const ConnectorEntry io_uring{
    .name = "io-uring",
    .summary = "one thread, one io_uring; linked requests on direct descriptors, many per system call",
    .options = options,
    .probe = probe,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      if (settings.options.choice("poll") != "none") return std::make_unique<RingLoop>(settings);
      return std::make_unique<IoUring>(settings);
    },
    .group = "loops",
};

}  // namespace connbench::connectors
