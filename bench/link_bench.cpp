// The lab's link: how late it sends the frames that it holds, how many connections per second it carries, and what its
// parts cost. It creates network namespaces of its own. Compare only figures of the same run, because machines drift.
//   link/lateness/<packets/s>     compared with clock_nanosleep under the same load, in interleaved blocks; ratio =
//   median
//                                 of link / clock_nanosleep over the blocks
//   link/connects/<in flight>     compared with a veth pair without a link in between, in interleaved blocks; ratio as
//   above link/held/<frames>            one frame into the queue and the first one out, with that many frames held
//   link/judge                    one SYN parsed and judged
// Takes the usual --benchmark_* flags.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>

#include "bench/bench_support.h"
#include "harness/lab/link/frames.h"
#include "harness/lab/link/held_frames.h"
#include "harness/lab/link/judge.h"
#include "harness/lab/link/two_ends.h"
#include "harness/lab/netlink.h"
#include "harness/process/server_process.h"
#include "harness/support/statistics.h"
#include "harness/targets/accept_server.h"

namespace {

using namespace connbench;
using namespace connbench::lab;
using std::chrono::milliseconds;

constexpr uint8_t at_once_block = 0;
constexpr uint8_t delayed_block = 1;
constexpr uint16_t port = 4000;
constexpr size_t blocks = 24;
constexpr milliseconds block_length(250);

void set_rules(LinkState& state) {
  state.rules[delayed_block].delay = milliseconds(5);
}

/// A lab whose client side is this process, from the first benchmark that needs it.
TwoEnds& ends() {
  static TwoEnds made(set_rules);
  return made;
}

struct Quantiles {
  std::vector<double> p50, p90, p99;  // one value per block, in microseconds

  void add(const LatenessHistogram& histogram) {
    p50.push_back(microseconds(histogram.quantile(0.5)));
    p90.push_back(microseconds(histogram.quantile(0.9)));
    p99.push_back(microseconds(histogram.quantile(0.99)));
  }
  static double microseconds(Duration d) { return static_cast<double>(d.count()) / 1e3; }
};

/// Sets counters for the median, the smallest and the largest of `values`.
void report_range(benchmark::State& state, const std::string& name, std::vector<double> values) {
  std::ranges::sort(values);
  state.counters[name] = *median(values);
  state.counters[name + "_min"] = values.front();
  state.counters[name + "_max"] = values.back();
}

std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> each;
  for (size_t i = 0; i < a.size(); ++i) each.push_back(a[i] / b[i]);
  return each;
}

UniqueFd udp_socket(const Endpoint& from, const Endpoint& to) {
  UniqueFd socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  checked(::bind(socket.get(), from.address(), from.size()), "bind");
  checked(::connect(socket.get(), to.address(), to.size()), "connect");
  return socket;
}

/// Sends one datagram per `interval`, and catches up when it is behind. Nothing reads the datagrams that arrive.
[[noreturn]] void send_steadily(int socket, Duration interval) {
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  for (TimePoint next = now();; next += interval) {
    sleep_until(next);
    [[maybe_unused]] const ssize_t sent = ::send(socket, "datagram", 8, 0);
  }
}

std::unique_ptr<ServerProcess> sender(UniqueFd socket, Duration interval) {
  std::vector<UniqueFd> sockets;
  sockets.push_back(std::move(socket));
  return std::make_unique<ServerProcess>(std::move(sockets), std::vector<int>{},
                                         [interval](std::span<const int> fds) { send_steadily(fds[0], interval); });
}

LatenessHistogram difference(const LatenessHistogram& after, const LatenessHistogram& before) {
  LatenessHistogram between;
  for (size_t i = 0; i < between.counts.size(); ++i) between.counts[i] = after.counts[i] - before.counts[i];
  return between;
}

/// The best that a timer can do: clock_nanosleep with the smallest timer slack, with as many due times per second as
/// the link has frames. It is an open loop, like the arrival of frames: everything that falls due while this process
/// cannot run is late.
LatenessHistogram sleep_lateness(Duration length, Duration interval) {
  const TimerSlack without(TimerSlack::none);
  LatenessHistogram lateness;
  const TimePoint start = now();
  for (TimePoint due = start + interval; due < start + length; due += interval) {
    if (now() < due) sleep_until(due);
    lateness.add(now() - due);
  }
  return lateness;
}

uint64_t total(const LatenessHistogram& histogram) {
  uint64_t sum = 0;
  for (const uint64_t count : histogram.counts) sum += count;
  return sum;
}

void lateness(benchmark::State& state, int packets_per_second) {
  const Endpoint client = Endpoint::ipv4(ipv4_address(Block::own_network, 0), port);
  const Endpoint server = TwoEnds::far(Family::ipv4, delayed_block, port);
  const Duration interval = Duration(std::chrono::seconds(2)) / packets_per_second;  // two senders
  const auto there = sender(udp_socket(client, server), interval);
  const auto back = sender(ends().on_server([&] { return udp_socket(server, client); }), interval);
  const LinkReport& report = ends().report();
  const uint64_t dropped = report.dropped_by_kernel + report.dropped_in_queue + report.dropped_on_sending;
  Quantiles link, sleep;
  double frames = 0;
  Duration measured{};
  sleep_until(now() + block_length);
  for ([[maybe_unused]] auto _ : state) {
    for (size_t i = 0; i < blocks; ++i) {
      const LatenessHistogram before = ends().report().lateness;
      const TimePoint start = now();
      sleep_until(start + block_length);
      const LatenessHistogram during = difference(ends().report().lateness, before);
      measured += now() - start;
      frames += static_cast<double>(total(during));
      link.add(during);
      sleep.add(sleep_lateness(block_length, interval / 2));
    }
  }
  ends().report();
  report_range(state, "p50_us", link.p50);
  report_range(state, "p90_us", link.p90);
  report_range(state, "p99_us", link.p99);
  report_range(state, "sleep_p50_us", sleep.p50);
  report_range(state, "sleep_p90_us", sleep.p90);
  report_range(state, "sleep_p99_us", sleep.p99);
  report_range(state, "ratio_p50", ratios(link.p50, sleep.p50));
  report_range(state, "ratio_p90", ratios(link.p90, sleep.p90));
  state.counters["frames_per_s"] = frames / std::chrono::duration<double>(measured).count();
  state.counters["dropped"] =
      static_cast<double>(report.dropped_by_kernel + report.dropped_in_queue + report.dropped_on_sending - dropped);
  state.counters["blocks"] = blocks;
}

/// A second path from the client to the server, without the link, to compare with.
Endpoint direct_path() {
  static constexpr uint32_t client = 0xc6120401;  // 198.18.4.1; the server is .2
  static constexpr VethEnd here{"s0", 40, {2, 0, 0, 0, 0, 40}};
  static constexpr VethEnd there{"s1", 41, {2, 0, 0, 0, 0, 41}};
  static const bool made = [] {
    const UniqueFd server = ends().on_server(
        [] { return UniqueFd(checked(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open")); });
    const auto configure = [](Netlink& netlink, const VethEnd& end, uint32_t address) {
      netlink.set_up(end.index);
      netlink.add_address(end.index, IpPrefix::ipv4(address, 24));
      checksums_in_software(end.name);
    };
    Netlink netlink;
    netlink.add_veth(here, there, server.get());
    configure(netlink, here, client);
    ends().on_server([&] {
      Netlink far;
      configure(far, there, client + 1);
    });
    return true;
  }();
  static_cast<void>(made);
  return Endpoint::ipv4(client + 1, port);
}

double connects_per_s(DrivenConnector& driven) {
  const TimePoint start = now();
  driven.run();
  return static_cast<double>(driven.attempts()) / std::chrono::duration<double>(now() - start).count();
}

std::unique_ptr<ServerProcess> accepting_server() {
  std::vector<UniqueFd> listeners;
  listeners.push_back(ends().on_server([] {
    UniqueFd socket(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
    const int on = 1;
    checked(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "setsockopt(SO_REUSEADDR)");
    const Endpoint any = Endpoint::ipv4(INADDR_ANY, port);
    checked(::bind(socket.get(), any.address(), any.size()), "bind");
    checked(::listen(socket.get(), 4096), "listen");
    return socket;
  }));
  return std::make_unique<ServerProcess>(std::move(listeners), std::vector<int>{}, [](std::span<const int> sockets) {
    serve_accepting(sockets, AfterAccept::hold);
  });
}

void connects(benchmark::State& state, size_t in_flight) {
  constexpr size_t attempts = 8000;
  const auto server = accepting_server();
  const Endpoint direct_end = direct_path();
  const Endpoint linked_end = TwoEnds::far(Family::ipv4, at_once_block, port);
  DrivenConnector direct("epoll", {&direct_end, 1}, attempts, in_flight);
  DrivenConnector linked("epoll", {&linked_end, 1}, attempts, in_flight);
  direct.run();
  linked.run();
  const uint64_t frames = ends().report().frames;
  std::vector<double> link_rates, direct_rates;
  for ([[maybe_unused]] auto _ : state) {
    for (size_t i = 0; i < blocks; ++i) {
      if (i % 2 == 0) direct_rates.push_back(connects_per_s(direct));
      link_rates.push_back(connects_per_s(linked));
      if (i % 2 != 0) direct_rates.push_back(connects_per_s(direct));
    }
  }
  report_range(state, "connects_per_s", link_rates);
  report_range(state, "straight_per_s", direct_rates);
  report_range(state, "ratio", ratios(link_rates, direct_rates));
  state.counters["frames_per_connect"] =
      static_cast<double>(ends().report().frames - frames) / static_cast<double>(attempts * blocks);
  state.counters["blocks"] = blocks;
}

void held(benchmark::State& state, size_t frames) {
  FramePool pool;
  HeldFrames queue(FramePool::most_frames);
  TimePoint due = now();
  const auto hold_one = [&] {
    queue.add(pool.take({.length = 74, .leaves_by = End::far, .is_answer = false}), due += Duration(10));
  };
  for (size_t i = 0; i < frames; ++i) hold_one();
  for ([[maybe_unused]] auto _ : state) {
    hold_one();
    pool.give_back(queue.take_first().slot);
  }
}

void judge(benchmark::State& state) {
  const auto rules = std::make_unique<std::array<LinkRule, 256>>();
  (*rules)[7] = {.lose_per_million = 1000, .delay = milliseconds(5), .jitter = milliseconds(1)};
  Judge judge(*rules, 1);
  const frames::Bytes frame = frames::ipv4(frames::tcp());
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(judge.judge(*parse_frame(frame)));
}

/// Where the lab cannot be created, the benchmark reports the reason as an error.
template <class Function>
void add(const std::string& name, Function function) {
  add_comparison(name, [function](benchmark::State& state) {
    try {
      ends();  // from here on this process is the client
      function(state);
    } catch (const std::exception& error) {
      state.SkipWithError(error.what());
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  for (const int rate : {2'000, 20'000})
    add(fmt::format("link/lateness/{}", rate), [rate](benchmark::State& state) { lateness(state, rate); });
  for (const size_t in_flight : {64U, 256U, 1024U})
    add(fmt::format("link/connects/{}", in_flight),
        [in_flight](benchmark::State& state) { connects(state, in_flight); });
  for (const size_t frames : {1U, 1'000U, 100'000U})
    benchmark::RegisterBenchmark(fmt::format("link/held/{}", frames).c_str(),
                                 [frames](benchmark::State& state) { held(state, frames); });
  benchmark::RegisterBenchmark("link/judge", judge);
  return bench_main(argc, argv);
}
