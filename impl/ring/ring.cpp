#include "impl/ring/ring.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <system_error>
#include <thread>

namespace connbench {
namespace {

// Values of the kernel's io_uring.h, which is older on some distributions.
constexpr uint8_t op_fixed_fd_install = 54;         // IORING_OP_FIXED_FD_INSTALL, Linux 6.8
constexpr uint8_t op_bind = 56;                     // IORING_OP_BIND, Linux 6.11
constexpr uint32_t socket_uring_op_setsockopt = 3;  // SOCKET_URING_OP_SETSOCKOPT, Linux 6.7

// Static, because the kernel reads them when the request begins.
constexpr linger at_once{.l_onoff = 1, .l_linger = 0};
constexpr int on = 1;

// The kernel adds the current time to a wait, which must not overflow.
constexpr Duration longest_wait = std::chrono::hours(1);

// SUBMIT_ALL: a failed request must not hold back the ones after it.
constexpr unsigned common_flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL;

constexpr Duration longest_wait_for_memory = std::chrono::milliseconds(500);
constexpr Duration pause_between_tries = std::chrono::milliseconds(1);

constexpr unsigned silent_link = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;

}  // namespace

unsigned requests_per_connect(const RingSocket& socket) noexcept {
  return 3U + (socket.fastopen ? 1U : 0U) + (socket.source != nullptr ? 2U : 0U);
}

// COOP_TASKRUN: completions are processed when this thread enters the kernel anyway; interrupting it for each would
// cost a system call each. The thread of SQPOLL has its own rules for that, and sleeps after a second without requests.
unsigned setup_flags_of(const Options& options) {
  const std::string_view choice = options.choice("setup");
  if (choice == "defer") return IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
  if (choice == "sqpoll") return IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER;
  return choice == "plain" ? 0 : IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
}

int open_ring(unsigned submissions, io_uring& ring, io_uring_params& params) noexcept {
  const io_uring_params asked = params;  // the kernel writes to them
  const TimePoint end = now() + longest_wait_for_memory;
  while (true) {
    const int result = io_uring_queue_init_params(submissions, &ring, &params);
    if (result != -ENOMEM || now() >= end) return result;
    std::this_thread::sleep_for(pause_between_tries);
    params = asked;
  }
}

Ring::Ring(unsigned submissions, unsigned completions, unsigned slots, unsigned setup) {
  io_uring_params params{};
  params.flags = common_flags | setup;
  params.cq_entries = completions;
  if (const int error = open_ring(submissions, ring_, params); error < 0)
    throw std::system_error(-error, std::generic_category(), "io_uring_setup");
  if (const int error = io_uring_register_files_sparse(&ring_, slots); error < 0) {
    io_uring_queue_exit(&ring_);
    throw std::system_error(-error, std::generic_category(), "io_uring_register (direct descriptors)");
  }
}

// What the kernel's thread has not taken by then is lost, and with it the way in which connections were to be closed.
Ring::~Ring() {
  while (is_polled() && error_ == 0 && io_uring_sq_ready(&ring_) > 0 && submit() == 0) ::sched_yield();
  io_uring_queue_exit(&ring_);
}

// A submission must not cut a chain of requests in two.
void Ring::make_room(unsigned requests) noexcept {
  while (error_ == 0 && io_uring_sq_space_left(&ring_) < requests) {
    const int error = submit();
    if (io_uring_sq_space_left(&ring_) >= requests) return;
    if (error == 0 && is_polled() && io_uring_sqring_wait(&ring_) >= 0) continue;
    error_ = error != 0 ? error : EBUSY;
  }
}

io_uring_sqe& Ring::next(Tag tag, uint32_t index, unsigned flags) noexcept {
  io_uring_sqe& request = error_ == 0 ? *io_uring_get_sqe(&ring_) : *discarded_;
  request = {};
  request.flags = static_cast<uint8_t>(flags);
  request.user_data = static_cast<uint64_t>(tag) << 32 | index;
  return request;
}

void Ring::connect(uint32_t slot, const Endpoint& to, const __kernel_timespec* deadline,
                   const RingSocket& wanted) noexcept {
  make_room(requests_per_connect(wanted));
  io_uring_sqe& socket = next(Tag::socket, slot, silent_link);
  socket.opcode = IORING_OP_SOCKET;
  socket.fd = to.family();
  socket.off = SOCK_STREAM | SOCK_NONBLOCK;  // else a kernel worker would block in the connect() of a UNIX socket
  socket.len = static_cast<unsigned>(wanted.protocol);
  socket.file_index = slot + 1;
  prepare(slot, wanted);
  io_uring_sqe& connect = next(Tag::connect, slot, IOSQE_FIXED_FILE | (deadline != nullptr ? IOSQE_IO_LINK : 0U));
  connect.opcode = IORING_OP_CONNECT;
  connect.fd = static_cast<int>(slot);
  connect.addr = reinterpret_cast<uintptr_t>(to.address());
  connect.off = to.size();
  if (deadline == nullptr) return;
  io_uring_sqe& timeout = next(Tag::housekeeping, slot, IOSQE_CQE_SKIP_SUCCESS);
  timeout.opcode = IORING_OP_LINK_TIMEOUT;
  timeout.addr = reinterpret_cast<uintptr_t>(deadline);
  timeout.len = 1;
  timeout.timeout_flags = IORING_TIMEOUT_ABS;
}

void Ring::prepare(uint32_t slot, const RingSocket& wanted) noexcept {
  constexpr unsigned flags = silent_link | IOSQE_FIXED_FILE;
  if (wanted.fastopen)
    set_option(next(Tag::option, slot, flags), slot, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
  if (wanted.source == nullptr) return;
  set_option(next(Tag::option, slot, flags), slot, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  io_uring_sqe& bind = next(Tag::bind, slot, flags);
  bind.opcode = op_bind;
  bind.fd = static_cast<int>(slot);
  bind.addr = reinterpret_cast<uintptr_t>(wanted.source->address());
  bind.off = wanted.source->size();
}

void Ring::set_option(io_uring_sqe& request, uint32_t slot, int level, int name, const void* value,
                      unsigned size) noexcept {
  request.opcode = IORING_OP_URING_CMD;
  request.fd = static_cast<int>(slot);
  request.cmd_op = socket_uring_op_setsockopt;
  request.addr = static_cast<uint64_t>(name) << 32 | static_cast<uint32_t>(level);  // the fields `level` and `optname`
  request.file_index = size;                                                        // `optlen`
  request.addr3 = reinterpret_cast<uintptr_t>(value);                               // `optval`
}

void Ring::reset_on_close(uint32_t slot) noexcept {
  make_room(1);
  set_option(next(Tag::housekeeping, slot, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS), slot, SOL_SOCKET, SO_LINGER,
             &at_once, sizeof at_once);
}

void Ring::close(uint32_t slot) noexcept {
  make_room(1);
  io_uring_sqe& request = next(Tag::housekeeping, slot, IOSQE_CQE_SKIP_SUCCESS);
  request.opcode = IORING_OP_CLOSE;
  request.file_index = slot + 1;
}

void Ring::install(uint32_t slot, uint32_t index) noexcept {
  make_room(1);
  io_uring_sqe& request = next(Tag::install, index, IOSQE_FIXED_FILE);
  request.opcode = op_fixed_fd_install;
  request.fd = static_cast<int>(slot);
}

void Ring::cancel(uint32_t slot) noexcept {
  make_room(1);
  io_uring_sqe& request = next(Tag::housekeeping, slot, IOSQE_CQE_SKIP_SUCCESS);
  request.opcode = IORING_OP_ASYNC_CANCEL;
  request.fd = -1;
  request.addr = static_cast<uint64_t>(Tag::connect) << 32 | slot;
}

void Ring::disconnect(uint32_t slot) noexcept {
  static constexpr sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  make_room(1);
  io_uring_sqe& request = next(Tag::housekeeping, slot, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
  request.opcode = IORING_OP_CONNECT;
  request.fd = static_cast<int>(slot);
  request.addr = reinterpret_cast<uintptr_t>(&nowhere);
  request.off = sizeof nowhere;
}

int Ring::submit() noexcept {
  if (error_ != 0 || io_uring_sq_ready(&ring_) == 0) return error_;
  const int result = io_uring_submit(&ring_);
  return result < 0 ? -result : 0;
}

int Ring::wait(TimePoint wake) noexcept {
  if (error_ != 0) return error_;
  const Duration time = wake > TimePoint{} ? std::min<Duration>(wake - now(), longest_wait) : Duration::zero();
  int result = 0;
  if (time <= Duration::zero()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    const timespec until = to_timespec(time);
    __kernel_timespec timeout{.tv_sec = until.tv_sec, .tv_nsec = until.tv_nsec};
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  }
  return result < 0 && result != -ETIME ? -result : 0;
}

}  // namespace connbench
