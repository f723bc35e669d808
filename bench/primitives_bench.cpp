// The parts of the totals: the individual system calls of a connect, a clock read, the harness's own arithmetic, and
// bare connect loops with nothing around them. Takes the usual --benchmark_* flags.
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/bare_loops.h"
#include "bench/bench_support.h"
#include "harness/support/unique_fd.h"

namespace {

using namespace connbench;

int tcp_socket() {
  return checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
}

void socket_close(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) ::close(tcp_socket());
}
BENCHMARK(socket_close);

void setsockopt_linger(benchmark::State& state) {
  const UniqueFd fd(tcp_socket());
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  for ([[maybe_unused]] auto _ : state) ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}
BENCHMARK(setsockopt_linger);

void getsockopt_so_error(benchmark::State& state) {
  const UniqueFd fd(tcp_socket());
  int error = 0;
  socklen_t size = sizeof error;
  for ([[maybe_unused]] auto _ : state) ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
}
BENCHMARK(getsockopt_so_error);

void epoll_ctl_add_del(benchmark::State& state) {
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  const UniqueFd fd(tcp_socket());
  epoll_event event{.events = EPOLLOUT, .data = {.fd = fd.get()}};
  for ([[maybe_unused]] auto _ : state) {
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event);
    ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
  }
}
BENCHMARK(epoll_ctl_add_del);

void pthread_create_join(benchmark::State& state) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  for ([[maybe_unused]] auto _ : state) {
    pthread_t thread;
    if (pthread_create(
            &thread, &attributes, [](void*) -> void* { return nullptr; }, nullptr) != 0) {
      state.SkipWithError("pthread_create failed");
      break;
    }
    pthread_join(thread, nullptr);
  }
  pthread_attr_destroy(&attributes);
}
BENCHMARK(pthread_create_join)->UseRealTime();

void clock_read(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(now());
}
BENCHMARK(clock_read);

void classify_refused(benchmark::State& state) {
  Evidence evidence{.call = Call::so_error, .error = ECONNREFUSED};
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(evidence);
    benchmark::DoNotOptimize(classify(evidence));
  }
}
BENCHMARK(classify_refused);

template <class Loop>
void bare(benchmark::State& state, Loop loop) {
  OpenTargets targets;
  const auto endpoints = targets.open("accepting", Family::ipv4, 256).endpoints();
  constexpr size_t attempts = 1000;
  for ([[maybe_unused]] auto _ : state) loop(endpoints, attempts);
  state.SetItemsProcessed(static_cast<int64_t>(attempts) * state.iterations());
}

void bare_blocking_connect(benchmark::State& state) {
  bare(state, [](auto endpoints, size_t attempts) { bare_blocking(endpoints, attempts, 1); });
}
BENCHMARK(bare_blocking_connect)->UseRealTime()->Unit(benchmark::kMillisecond);

void bare_epoll_connect(benchmark::State& state) {
  const auto concurrency = static_cast<size_t>(state.range(0));
  bare(state, [=](auto endpoints, size_t attempts) { bare_epoll(endpoints, attempts, concurrency, EPOLLONESHOT); });
}
BENCHMARK(bare_epoll_connect)
    ->ArgName("concurrency")
    ->Arg(1)
    ->Arg(64)
    ->Arg(256)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void bare_threads_connect(benchmark::State& state) {
  const auto concurrency = static_cast<size_t>(state.range(0));
  bare(state, [=](auto endpoints, size_t attempts) { bare_threads(endpoints, attempts, concurrency, bare_plain); });
}
BENCHMARK(bare_threads_connect)
    ->ArgName("concurrency")
    ->Arg(64)
    ->Arg(256)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  return connbench::bench_main(argc, argv);
}
