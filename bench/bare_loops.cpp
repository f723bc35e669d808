#include "bench/bare_loops.h"

#include <liburing.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <numeric>
#include <vector>

#include "harness/unique_fd.h"

namespace connbench {
namespace {

void reset_and_close(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  checked(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "setsockopt");
  ::close(fd);
}

void connect_once(const Endpoint& to) {
  const int fd = checked(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  checked(::connect(fd, to.address(), to.size()), "connect");
  reset_and_close(fd);
}

void* thread_main(void* endpoint) {
  connect_once(*static_cast<const Endpoint*>(endpoint));
  return nullptr;
}

}  // namespace

void bare_blocking(std::span<const Endpoint> endpoints, size_t attempts) {
  for (size_t i = 0; i < attempts; ++i) connect_once(endpoints[i % endpoints.size()]);
}

void bare_epoll(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency) {
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  std::array<epoll_event, 256> events{};
  size_t begun = 0;
  size_t ended = 0;
  while (ended < attempts) {
    for (; begun < attempts && begun - ended < concurrency; ++begun) {
      const Endpoint& to = endpoints[begun % endpoints.size()];
      const int fd = checked(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
      if (::connect(fd, to.address(), to.size()) != 0 && errno != EINPROGRESS) checked(-1, "connect");
      epoll_event event{.events = EPOLLOUT, .data = {.fd = fd}};
      checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
    const int count = checked(::epoll_wait(epoll.get(), events.data(), events.size(), -1), "epoll_wait");
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      int error = 0;
      socklen_t size = sizeof error;
      checked(::getsockopt(events[i].data.fd, SOL_SOCKET, SO_ERROR, &error, &size), "getsockopt");
      reset_and_close(events[i].data.fd);
    }
    ended += static_cast<size_t>(count);
  }
}

class BareIoUring::Ring {
 public:
  explicit Ring(size_t slots) {
    io_uring_params params{};
    params.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
    checked_result(io_uring_queue_init_params(static_cast<unsigned>(3 * slots + 1), &ring_, &params), "io_uring_setup");
    checked_result(io_uring_register_files_sparse(&ring_, static_cast<unsigned>(slots)), "io_uring_register");
  }
  ~Ring() { io_uring_queue_exit(&ring_); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void connect(unsigned slot, const Endpoint& to) {
    io_uring_sqe* socket = io_uring_get_sqe(&ring_);
    io_uring_prep_socket_direct(socket, to.family(), SOCK_STREAM | SOCK_NONBLOCK, 0, slot, 0);
    socket->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe* connect = io_uring_get_sqe(&ring_);
    io_uring_prep_connect(connect, static_cast<int>(slot), to.address(), to.size());
    connect->flags |= IOSQE_FIXED_FILE | IOSQE_IO_LINK;
    connect->user_data = slot;
    io_uring_sqe* timeout = io_uring_get_sqe(&ring_);
    io_uring_prep_link_timeout(timeout, &second_, 0);
    timeout->flags |= IOSQE_CQE_SKIP_SUCCESS;
  }

  void reset_and_close(unsigned slot) {
    static constexpr linger at_once{.l_onoff = 1, .l_linger = 0};
    io_uring_sqe* option = io_uring_get_sqe(&ring_);
    io_uring_prep_rw(IORING_OP_URING_CMD, option, static_cast<int>(slot), nullptr, 0, 0);
    option->cmd_op = 3;                                                  // SOCKET_URING_OP_SETSOCKOPT
    option->addr = static_cast<uint64_t>(SO_LINGER) << 32 | SOL_SOCKET;  // level, optname
    option->file_index = sizeof at_once;
    option->addr3 = reinterpret_cast<uintptr_t>(&at_once);
    option->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe* close = io_uring_get_sqe(&ring_);
    io_uring_prep_close_direct(close, slot);
    close->flags |= IOSQE_CQE_SKIP_SUCCESS;
  }

  void submit(unsigned wait_for) { checked_result(io_uring_submit_and_wait(&ring_, wait_for), "io_uring_enter"); }

  void take(std::vector<unsigned>& slots) {
    unsigned head = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      checked_result(completion->res, "connect");
      slots.push_back(static_cast<unsigned>(completion->user_data));
    }
    io_uring_cq_advance(&ring_, static_cast<unsigned>(slots.size()));
  }

 private:
  static void checked_result(int result, const char* call) {
    if (result < 0) throw std::system_error(-result, std::generic_category(), call);
  }
  io_uring ring_{};
  __kernel_timespec second_{.tv_sec = 1, .tv_nsec = 0};
};

BareIoUring::BareIoUring(size_t concurrency) : ring_(std::make_unique<Ring>(concurrency)), concurrency_(concurrency) {}
BareIoUring::~BareIoUring() = default;

void BareIoUring::run(std::span<const Endpoint> endpoints, size_t attempts) {
  std::vector<unsigned> free(concurrency_);
  std::iota(free.begin(), free.end(), 0U);
  std::vector<unsigned> done;
  done.reserve(concurrency_);
  size_t begun = 0;
  size_t ended = 0;
  while (ended < attempts) {
    for (; begun < attempts && !free.empty(); ++begun, free.pop_back())
      ring_->connect(free.back(), endpoints[begun % endpoints.size()]);
    ring_->submit(1);
    ring_->take(done);
    for (const unsigned slot : done) ring_->reset_and_close(slot);
    free.insert(free.end(), done.begin(), done.end());
    ended += done.size();
    done.clear();
    ring_->submit(0);
  }
}

void bare_threads(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  std::vector<pthread_t> threads(concurrency);
  for (size_t i = 0; i < attempts; ++i) {
    pthread_t& thread = threads[i % concurrency];
    if (i >= concurrency) pthread_join(thread, nullptr);
    void* argument = const_cast<Endpoint*>(&endpoints[i % endpoints.size()]);
    if (const int error = pthread_create(&thread, &attributes, thread_main, argument); error != 0)
      throw std::system_error(error, std::generic_category(), "pthread_create");
  }
  for (size_t i = 0; i < std::min(attempts, concurrency); ++i) pthread_join(threads[i], nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace connbench
