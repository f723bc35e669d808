#include "impl/ring/ring_loop.h"

#include <errno.h>
#include <poll.h>

#include <algorithm>
#include <system_error>

#include "impl/ring/ring.h"

namespace connbench {
namespace {

constexpr unsigned most_requests = 512;
// Of requests whose results mean nothing, such as the removal of a request that has just ended.
constexpr uint64_t nobody = UINT64_MAX;
// The kernel adds the current time to a wait, which must not overflow.
constexpr Duration longest_wait = std::chrono::hours(1);

int set_up(io_uring& ring, const Options& options, size_t max_in_flight) {
  io_uring_params params{};
  params.flags = setup_flags_of(options) | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL;
  const auto at_once = static_cast<unsigned>(std::min<size_t>(max_in_flight, most_requests));
  params.cq_entries = std::max(2 * at_once, static_cast<unsigned>(std::min<size_t>(max_in_flight, 1U << 20)));
  return open_ring(at_once + 1, ring, params);
}

}  // namespace

RingLoop::RingLoop(const ConnectorSettings& settings)
    : LoopConnector(settings),
      multishot_(settings.options.choice("poll") == "multishot"),
      generations_(settings.max_in_flight),
      polled_(settings.max_in_flight) {
  if (const int error = set_up(ring_, settings.options, settings.max_in_flight); error < 0)
    throw std::system_error(-error, std::generic_category(), "io_uring_setup");
}

RingLoop::~RingLoop() {
  io_uring_queue_exit(&ring_);
}

Capabilities RingLoop::capabilities() const {
  return {.deadline_by = Capabilities::DeadlineBy::wait, .granularity = Duration(1)};
}

// nullptr: the kernel takes no more.
io_uring_sqe* RingLoop::next_request() {
  while (true) {
    if (io_uring_sqe* request = io_uring_get_sqe(&ring_)) return request;
    if (const int result = io_uring_submit(&ring_); result < 0 && result != -EINTR) return nullptr;
    if ((ring_.flags & IORING_SETUP_SQPOLL) != 0) io_uring_sqring_wait(&ring_);
  }
}

Evidence RingLoop::watch(uint32_t index) {
  io_uring_sqe* const request = next_request();
  if (request == nullptr) return {.call = Call::wait, .error = EBUSY};
  io_uring_prep_poll_add(request, pending()[index].fd.get(), POLLOUT);
  if (multishot_) request->len = IORING_POLL_ADD_MULTI;
  request->user_data = tag_of(index);
  polled_[index] = true;
  return {.call = Call::wait};
}

// Whatever the request still reports is of an attempt that has ended.
void RingLoop::unwatch(uint32_t index) {
  if (polled_[index]) {
    if (io_uring_sqe* const request = next_request()) {
      io_uring_prep_poll_remove(request, tag_of(index));
      request->flags |= IOSQE_CQE_SKIP_SUCCESS;
      request->user_data = nobody;
    }
  }
  polled_[index] = false;
  ++generations_[index];
}

int RingLoop::wait(TimePoint wake) {
  const Duration time = wake == at_once ? Duration::zero() : std::min<Duration>(wake - now(), longest_wait);
  int result = 0;
  if (time <= Duration::zero()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    const timespec until = to_timespec(time);
    __kernel_timespec timeout{.tv_sec = until.tv_sec, .tv_nsec = until.tv_nsec};
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  }
  unsigned head = 0;
  unsigned taken = 0;
  io_uring_cqe* completion = nullptr;
  io_uring_for_each_cqe(&ring_, head, completion) {
    ++taken;
    if (completion->user_data != nobody)
      take(completion->user_data, completion->res, (completion->flags & IORING_CQE_F_MORE) != 0);
  }
  io_uring_cq_advance(&ring_, taken);
  return result < 0 && result != -ETIME ? -result : 0;
}

// An error that came without an outcome is reported only once, so the socket is polled again.
void RingLoop::take(uint64_t tag, int result, bool more) {
  const auto index = static_cast<uint32_t>(tag);
  if (tag != tag_of(index)) return;  // from an attempt that has ended
  polled_[index] = more;
  if (result < 0) return end(index, {.call = Call::wait, .error = -result});
  if (ready(index, (static_cast<unsigned>(result) & POLLOUT) != 0)) return;
  unwatch(index);
  if (const Evidence evidence = watch(index); evidence.error != 0) end(index, evidence);
}

std::optional<std::string> probe_ring_loop(const ConnectorSettings& settings) {
  io_uring ring{};
  if (const int error = set_up(ring, settings.options, 1); error < 0) return why_no_ring(-error);
  io_uring_queue_exit(&ring);
  return std::nullopt;
}

}  // namespace connbench
