// The lab as a whole: how long it takes to create one, and how many connects its blackhole keeps waiting.
//   lab/up                  from the call to the first statement inside; iterations include removing the lab
//   blackhole/<pending>     that many non-blocking connects, in as many descriptor tables as they need; the share that
//   is
//                           still in SYN_SENT after 20 s, when each has sent its SYN several times
// Takes the usual --benchmark_* flags.
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <thread>

#include "bench/bench_support.h"
#include "harness/lab/lab.h"
#include "harness/machine/machine.h"
#include "harness/process/shared.h"
#include "harness/support/statistics.h"
#include "harness/targets/target.h"

namespace {

using namespace connbench;
using std::chrono::seconds;

constexpr seconds waited(20);
constexpr size_t spared_descriptors = 600;  // per table: those that the process has open itself, and some more

struct Figures {
  std::atomic<size_t> issued{0};
  std::atomic<size_t> pending{0};
  double issue_s = 0;
};

bool is_in_syn_sent(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_SYN_SENT;
}

// Holds its share in a descriptor table of its own, so that RLIMIT_NOFILE applies to this share alone.
void hold(size_t first, size_t count, std::span<const Endpoint> endpoints, std::barrier<>& step, Figures& figures) {
  checked(::unshare(CLONE_FILES), "unshare(CLONE_FILES)");
  std::vector<UniqueFd> sockets;
  sockets.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const Endpoint& to = endpoints[(first + i) % endpoints.size()];
    UniqueFd socket(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket || ::connect(socket.get(), to.address(), to.size()) == 0 || errno != EINPROGRESS) break;
    sockets.push_back(std::move(socket));
  }
  figures.issued += sockets.size();
  step.arrive_and_wait();  // all connects have been issued
  step.arrive_and_wait();  // and have waited long enough
  for (const UniqueFd& socket : sockets) figures.pending += is_in_syn_sent(socket.get()) ? 1 : 0;
}

void keep_waiting(benchmark::State& state, size_t wanted) try {
  const uint64_t each = raise_descriptor_limit() - spared_descriptors;
  const size_t tables = (wanted + each - 1) / each;
  const lab::Options options{
      .sysctls = {{"net.ipv4.ip_local_port_range", "1024 65535"}, {"net.ipv4.tcp_syn_linear_timeouts", "0"}}};
  const Shared<Figures> figures;
  for ([[maybe_unused]] auto _ : state) {
    measure_in_lab(options, [&](lab::Lab& lab) {
      const auto target = find_target("blackhole").open({.open_at_once = wanted, .lab = &lab});
      std::barrier<> step(static_cast<std::ptrdiff_t>(tables) + 1);
      const TimePoint begun = now();
      std::vector<std::jthread> threads;
      for (size_t t = 0; t < tables; ++t)
        threads.emplace_back(
            [&, t] { hold(t * each, std::min<size_t>(each, wanted - t * each), target->endpoints(), step, *figures); });
      step.arrive_and_wait();
      figures->issue_s = std::chrono::duration<double>(now() - begun).count();
      sleep_until(now() + waited);
      step.arrive_and_wait();
    });
  }
  state.counters["issued"] = static_cast<double>(figures->issued);
  state.counters["issued_in_s"] = figures->issue_s;
  state.counters["still_pending_share"] = static_cast<double>(figures->pending) / static_cast<double>(wanted);
  state.counters["tables"] = static_cast<double>(tables);
} catch (const lab::Unavailable& error) {
  state.SkipWithError(fmt::format("skipped: {}", error.what()).c_str());
} catch (const std::exception& error) {
  state.SkipWithError(fmt::format("failed: {}", error.what()).c_str());
}

// A process inside the lab shares the monotonic clock with the one outside.
void create_lab(benchmark::State& state) try {
  const Shared<TimePoint> begun_inside;
  std::vector<double> up_ms;
  for ([[maybe_unused]] auto _ : state) {
    const TimePoint called = now();
    measure_in_lab({}, [&](lab::Lab&) { *begun_inside = now(); });
    up_ms.push_back(std::chrono::duration<double, std::milli>(*begun_inside - called).count());
  }
  std::ranges::sort(up_ms);
  state.counters["up_ms"] = *median(up_ms);
  state.counters["up_ms_max"] = up_ms.back();
} catch (const lab::Unavailable& error) {
  state.SkipWithError(fmt::format("skipped: {}", error.what()).c_str());
} catch (const std::exception& error) {
  state.SkipWithError(fmt::format("failed: {}", error.what()).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark("lab/up", create_lab)->Iterations(100)->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const size_t pending : {size_t{10'000}, size_t{500'000}})
    benchmark::RegisterBenchmark(fmt::format("blackhole/{}", pending).c_str(),
                                 [pending](benchmark::State& state) { keep_waiting(state, pending); })
        ->Iterations(1)
        ->UseRealTime();
  return bench_main(argc, argv);
}
