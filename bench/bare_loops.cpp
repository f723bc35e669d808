#include "bench/bare_loops.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "harness/process/child_process.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

struct ThreadWork {
  BareCall call;
  const Endpoint* to;
};

void* thread_main(void* argument) {
  const auto& work = *static_cast<const ThreadWork*>(argument);
  work.call(*work.to);
  return nullptr;
}

}  // namespace

void bare_blocking(std::span<const Endpoint> endpoints, size_t attempts, size_t) {
  for (size_t i = 0; i < attempts; ++i) bare_plain(endpoints[i % endpoints.size()]);
}

void bare_epoll(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency, uint32_t how,
                const BareSocket& socket) {
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  std::array<epoll_event, 256> events{};
  size_t begun = 0;
  size_t ended = 0;
  while (ended < attempts) {
    for (; begun < attempts && begun - ended < concurrency; ++begun) {
      const int fd = bare_begin(endpoints[begun % endpoints.size()], socket);
      epoll_event event{.events = EPOLLOUT | how, .data = {.fd = fd}};
      checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
    const int count = checked(::epoll_wait(epoll.get(), events.data(), events.size(), -1), "epoll_wait");
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) bare_end(events[i].data.fd);
    ended += static_cast<size_t>(count);
  }
}

void bare_poll(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency) {
  std::vector<pollfd> polled;
  polled.reserve(concurrency);
  size_t begun = 0;
  for (size_t ended = 0; ended < attempts;) {
    for (; begun < attempts && begun - ended < concurrency; ++begun)
      polled.push_back({.fd = bare_begin(endpoints[begun % endpoints.size()]), .events = POLLOUT, .revents = 0});
    checked(::ppoll(polled.data(), polled.size(), nullptr, nullptr), "ppoll");
    ended += std::erase_if(polled, [](const pollfd& one) {
      if (one.revents != 0) bare_end(one.fd);
      return one.revents != 0;
    });
  }
}

void bare_select(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency) {
  fd_set watched;
  FD_ZERO(&watched);
  int highest = -1;
  size_t begun = 0;
  for (size_t ended = 0; ended < attempts;) {
    for (; begun < attempts && begun - ended < concurrency; ++begun) {
      const int fd = bare_begin(endpoints[begun % endpoints.size()]);
      FD_SET(fd, &watched);
      highest = std::max(highest, fd);
    }
    fd_set writable = watched;
    checked(::select(highest + 1, nullptr, &writable, nullptr, nullptr), "select");
    for (int fd = 0; fd <= highest; ++fd) {
      if (!FD_ISSET(fd, &writable)) continue;
      FD_CLR(fd, &watched);
      bare_end(fd);
      ++ended;
    }
  }
}

void bare_threads(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency, BareCall call) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  std::vector<pthread_t> threads(concurrency);
  std::vector<ThreadWork> work(concurrency);
  for (size_t i = 0; i < attempts; ++i) {
    const size_t slot = i % concurrency;
    if (i >= concurrency) pthread_join(threads[slot], nullptr);
    work[slot] = {call, &endpoints[i % endpoints.size()]};
    if (const int error = pthread_create(&threads[slot], &attributes, thread_main, &work[slot]); error != 0)
      throw std::system_error(error, std::generic_category(), "pthread_create");
  }
  for (size_t i = 0; i < std::min(attempts, concurrency); ++i) pthread_join(threads[i], nullptr);
  pthread_attr_destroy(&attributes);
}

void bare_forks(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency, BareCall call) {
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  const pid_t parent = ::getpid();
  std::map<int, pid_t> children;  // by pidfd
  std::array<epoll_event, 256> events{};
  for (size_t begun = 0; begun < attempts || !children.empty();) {
    for (; begun < attempts && children.size() < concurrency; ++begun) {
      const pid_t child = checked(::fork(), "fork");
      if (child == 0) {
        die_with_parent(parent);
        call(endpoints[begun % endpoints.size()]);
        ::_exit(0);
      }
      const int pidfd = pidfd_of(child).release();
      epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.fd = pidfd}};
      checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pidfd, &event), "epoll_ctl");
      children.emplace(pidfd, child);
    }
    const int count = checked(::epoll_wait(epoll.get(), events.data(), events.size(), -1), "epoll_wait");
    for (const epoll_event& event : std::span(events).first(static_cast<size_t>(count))) {
      const auto ended = children.find(event.data.fd);
      wait_for_child(ended->second);
      ::close(ended->first);
      children.erase(ended);
    }
  }
}

struct BarePool::State {
  std::mutex mutex;
  std::condition_variable work;
  std::deque<const Endpoint*> queue;
  size_t idle = 0;
  bool over = false;

  std::mutex done_mutex;
  std::condition_variable some_done;
  size_t done = 0;

  std::vector<std::thread> threads;

  void thread_main(BareCall call) {
    for (;;) {
      const Endpoint* to = nullptr;
      {
        std::unique_lock lock(mutex);
        ++idle;
        work.wait(lock, [this] { return !queue.empty() || over; });
        --idle;
        if (queue.empty()) return;
        to = queue.front();
        queue.pop_front();
      }
      call(*to);
      const std::lock_guard lock(done_mutex);
      if (++done == 1) some_done.notify_one();
    }
  }
};

BarePool::BarePool(size_t threads, BareCall call) : state_(std::make_unique<State>()) {
  for (size_t i = 0; i < threads; ++i) state_->threads.emplace_back([this, call] { state_->thread_main(call); });
}

BarePool::~BarePool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
  }
  state_->work.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

void BarePool::run(std::span<const Endpoint> endpoints, size_t attempts, size_t concurrency) {
  size_t begun = 0;
  for (size_t ended = 0; ended < attempts;) {
    size_t wanted = 0;
    {
      const std::lock_guard lock(state_->mutex);
      for (; begun < attempts && begun - ended < concurrency; ++begun, ++wanted)
        state_->queue.push_back(&endpoints[begun % endpoints.size()]);
      wanted = std::min(wanted, state_->idle);
    }
    for (size_t i = 0; i < wanted; ++i) state_->work.notify_one();
    std::unique_lock lock(state_->done_mutex);
    state_->some_done.wait(lock, [this] { return state_->done > 0; });
    ended += std::exchange(state_->done, 0);
  }
}

}  // namespace connbench
