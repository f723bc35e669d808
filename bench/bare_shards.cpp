#include "bench/bare_shards.h"

#include <linux/close_range.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <cmath>
#include <exception>
#include <thread>
#include <vector>

#include "bench/bare_calls.h"
#include "harness/support/unique_fd.h"
#include "harness/wave/division.h"

namespace connbench {
namespace {

constexpr size_t looks_every = 256;  // attempts, like the runner
constexpr uint64_t timer_tag = UINT64_MAX;

class Loop {
 public:
  Loop(const BareShards& what, TimePoint begin, size_t shard, std::span<Sample> samples)
      : what_(what), begin_(begin), shard_(shard), samples_(samples), fds_(samples.size()) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = timer_tag}};
    checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event), "epoll_ctl");
  }

  void run() {
    for (size_t i = 0; i < samples_.size(); ++i) {
      while (now() < due(i)) expire(i, oldest_ < i ? std::min(due(i), deadline(oldest_)) : due(i));
      begin(i);
      if (i % looks_every == looks_every - 1) expire(i + 1, TimePoint{});
    }
    while (oldest_ < samples_.size()) expire(samples_.size(), deadline(oldest_));
  }

 private:
  size_t of_all(size_t i) const { return i * what_.shards + shard_; }
  TimePoint due(size_t i) const {
    if (what_.rate_per_s == 0) return begin_;
    return begin_ + Duration(std::llround(static_cast<double>(of_all(i)) * 1e9 / what_.rate_per_s));
  }
  TimePoint deadline(size_t i) const { return TimePoint(Duration(samples_[i].started_ns)) + what_.timeout; }

  void begin(size_t i) {
    samples_[i].started_ns = to_ns(now());
    fds_[i] = bare_open(what_.endpoints[of_all(i) % what_.endpoints.size()]);
    epoll_event event{.events = EPOLLOUT | EPOLLONESHOT, .data = {.u64 = i}};
    checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fds_[i], &event), "epoll_ctl");
  }

  void expire(size_t begun, TimePoint wait_until) {
    if (wait_until != TimePoint{}) {
      const itimerspec at{.it_interval = {}, .it_value = to_timespec(wait_until)};
      checked(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr), "timerfd_settime");
    }
    const int timeout = wait_until == TimePoint{} ? 0 : -1;
    checked(::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout), "epoll_wait");
    const TimePoint time = now();
    for (; oldest_ < begun && deadline(oldest_) <= time; ++oldest_) {
      samples_[oldest_].finished_ns = to_ns(now());
      ::close(fds_[oldest_]);
    }
  }

  const BareShards& what_;
  TimePoint begin_;
  size_t shard_;
  std::span<Sample> samples_;
  std::vector<int> fds_;
  size_t oldest_ = 0;
  UniqueFd epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
  UniqueFd timer_{checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")};
  std::array<epoll_event, 256> events_{};
};

}  // namespace

void bare_shards(const BareShards& what, std::span<Sample> samples) {
  const Division division{samples.size(), what.shards};
  std::barrier<> ready(static_cast<std::ptrdiff_t>(what.shards));
  std::vector<std::exception_ptr> failures(what.shards);
  std::vector<std::jthread> threads;
  const TimePoint begin = now();
  for (size_t shard = 0; shard < what.shards; ++shard)
    threads.emplace_back([&, shard] {
      ready.arrive_and_wait();
      try {
        checked(::close_range(3, ~0U, CLOSE_RANGE_UNSHARE), "close_range");
        Loop(what, begin, shard, samples.subspan(division.first(shard), division.count(shard))).run();
      } catch (...) {
        failures[shard] = std::current_exception();
      }
    });
  threads.clear();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace connbench
