// Tests of the link between two real network stacks.
#include "harness/lab/link/link.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "harness/support/proc_file.h"
#include "tests/harness/lab/link/in_two_ends.h"
#include "tests/support/plain_sockets.h"

namespace connbench::lab {
namespace {

using plain::connect_to;
using plain::patience_ms;
using plain::ready_within;
using std::chrono::milliseconds;

constexpr uint16_t port = 4000;
constexpr milliseconds delay(10);
constexpr Family both_families[] = {Family::ipv4, Family::ipv6};

Endpoint any_address(Family family) {
  return family == Family::ipv6 ? Endpoint::ipv6(in6addr_any, port) : Endpoint::ipv4(INADDR_ANY, port);
}

/// A socket of the server, bound to every address of the family.
UniqueFd server_socket(TwoEnds& ends, Family family, int type) {
  return ends.on_server([&] {
    UniqueFd socket(checked(::socket(address_family(family), type | SOCK_CLOEXEC, 0), "socket"));
    const int on = 1;
    if (family == Family::ipv6)
      checked(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), "V6ONLY");
    const Endpoint any = any_address(family);
    checked(::bind(socket.get(), any.address(), any.size()), "bind");
    if (type == SOCK_STREAM) checked(::listen(socket.get(), 1000), "listen");
    return socket;
  });
}

tcp_info info_of(const UniqueFd& socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  checked(::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size), "getsockopt(TCP_INFO)");
  return info;
}

UniqueFd udp_to(Family family, uint8_t block) {
  UniqueFd socket(checked(::socket(address_family(family), SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const Endpoint to = TwoEnds::far(family, block, port);
  checked(::connect(socket.get(), to.address(), to.size()), "connect");
  return socket;
}

void no_rules(LinkState&) {}

TEST(Link, ForwardsConnectionsAndTheirData) {
  in_two_ends(no_rules, [](TwoEnds& ends) {
    for (const Family family : both_families) {
      const UniqueFd listener = server_socket(ends, family, SOCK_STREAM);
      const auto client = connect_to(TwoEnds::far(family, 7, port));
      ASSERT_EQ(client.error, 0);
      const UniqueFd server(checked(::accept(listener.get(), nullptr, nullptr), "accept"));
      std::string sent(100'000, 'x');
      for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * i / 7);
      ASSERT_EQ(::send(client.socket.get(), sent.data(), sent.size(), 0), static_cast<ssize_t>(sent.size()));
      std::string received(sent.size(), '\0');
      ASSERT_EQ(::recv(server.get(), received.data(), received.size(), MSG_WAITALL),
                static_cast<ssize_t>(received.size()));
      EXPECT_EQ(received, sent);
    }
    EXPECT_EQ(ends.report().lateness.quantile(0.5), Duration::zero()) << "no frame had a delay";
  });
}

TEST(Link, HoldsEveryFrameForAtLeastTheDelay) {
  in_two_ends([](LinkState& state) { state.rules[3].delay = delay; },
              [](TwoEnds& ends) {
                for (const Family family : both_families) {
                  const UniqueFd listener = server_socket(ends, family, SOCK_STREAM);
                  for (int i = 0; i < 20; ++i) {
                    const TimePoint start = now();
                    ASSERT_EQ(connect_to(TwoEnds::far(family, 3, port)).error, 0);
                    EXPECT_GE(now() - start, 2 * delay);
                  }
                }
                const LatenessHistogram& lateness = ends.report().lateness;
                uint64_t counted = 0;
                for (const uint64_t count : lateness.counts) counted += count;
                EXPECT_GE(counted, 2 * 20 * 3U);
              });
}

/// Lets the link see what arrives meanwhile only `later`.
void stop_link_for(TwoEnds& ends, milliseconds later, const std::function<void()>& meanwhile) {
  checked(::kill(ends.link_process(), SIGSTOP), "kill");
  int status = 0;
  ASSERT_EQ(::waitpid(ends.link_process(), &status, WUNTRACED), ends.link_process());
  ASSERT_TRUE(WIFSTOPPED(status));
  meanwhile();
  sleep_until(now() + later);
  checked(::kill(ends.link_process(), SIGCONT), "kill");
}

// A link that was late to look at a frame must not hold it for the whole delay as well.
TEST(Link, CountsTheDelayFromWhenAFrameArrivedAndNotFromWhenItLooked) {
  in_two_ends([](LinkState& state) { state.rules[3].delay = delay; },
              [](TwoEnds& ends) {
                constexpr milliseconds stopped(400);
                const UniqueFd sink = server_socket(ends, Family::ipv4, SOCK_DGRAM);
                const UniqueFd source = udp_to(Family::ipv4, 3);
                stop_link_for(ends, stopped + delay, [&] { ASSERT_EQ(::send(source.get(), "x", 1, 0), 1); });
                ASSERT_TRUE(ready_within(sink, patience_ms));
                // It was due `stopped` before the link could look at it. From there its delay would not be over.
                EXPECT_GE(ends.report().lateness.quantile(0.5), stopped / 2);
              });
}

TEST(Link, HoldsOnlyFramesOfTheDelayedBlock) {
  in_two_ends([](LinkState& state) { state.rules[3].delay = std::chrono::hours(1); },
              [](TwoEnds& ends) {
                const UniqueFd listener = server_socket(ends, Family::ipv4, SOCK_STREAM);
                const auto stuck = connect_to(TwoEnds::far(Family::ipv4, 3, port), SOCK_NONBLOCK);
                EXPECT_EQ(connect_to(TwoEnds::far(Family::ipv4, 4, port)).error, 0);
                EXPECT_FALSE(ready_within(stuck.socket, 0, POLLOUT));
              });
}

TEST(Link, DropsTheFirstSynsOfEachConnection) {
  in_two_ends(
      [](LinkState& state) {
        state.rules[1].lose_syns = 1;
        state.rules[2].lose_syns = 2;
      },
      [](TwoEnds& ends) {
        for (const Family family : both_families) {
          const UniqueFd listener = server_socket(ends, family, SOCK_STREAM);
          std::vector<plain::Connection> attempts;
          for (uint8_t block = 0; block <= 2; ++block)
            attempts.push_back(connect_to(TwoEnds::far(family, block, port), SOCK_NONBLOCK));
          for (uint8_t block = 0; block <= 2; ++block) {
            ASSERT_TRUE(ready_within(attempts[block].socket, patience_ms, POLLOUT));
            EXPECT_EQ(info_of(attempts[block].socket).tcpi_state, TCP_ESTABLISHED);
            EXPECT_EQ(info_of(attempts[block].socket).tcpi_total_retrans, block);
          }
        }
        EXPECT_EQ(ends.report().lost_by_rule, 2 * 3U);
      });
}

TEST(Link, DropsTheFirstSynAcksOfEachConnection) {
  in_two_ends([](LinkState& state) { state.rules[1].lose_synacks = 2; },
              [](TwoEnds& ends) {
                for (const Family family : both_families) {
                  const UniqueFd listener = server_socket(ends, family, SOCK_STREAM);
                  const auto attempt = connect_to(TwoEnds::far(family, 1, port));
                  EXPECT_EQ(attempt.error, 0);
                  EXPECT_GE(info_of(attempt.socket).tcpi_total_retrans, 1U);
                }
                EXPECT_EQ(ends.report().lost_by_rule, 2 * 2U);
              });
}

/// Sends numbered datagrams through a link that drops 30 % of them; returns the numbers of those that arrived.
std::vector<uint32_t> survivors(uint64_t seed, uint32_t datagrams) {
  TwoEnds ends([seed](LinkState& state) {
    state.seed = seed;
    state.rules[9].lose_per_million = 300'000;
  });
  const UniqueFd sink = server_socket(ends, Family::ipv4, SOCK_DGRAM);
  const UniqueFd source = udp_to(Family::ipv4, 9);
  std::vector<uint32_t> arrived;
  for (uint32_t i = 0; i < datagrams; ++i) {
    EXPECT_EQ(::send(source.get(), &i, sizeof i, 0), ssize_t{sizeof i});
    if (i % 100 != 99) continue;  // the sink's buffer would not hold all of them
    ends.report();
    for (uint32_t got; ::recv(sink.get(), &got, sizeof got, MSG_DONTWAIT) > 0;) arrived.push_back(got);
  }
  EXPECT_EQ(ends.report().frames, arrived.size());
  EXPECT_EQ(ends.report().frames + ends.report().lost_by_rule, datagrams);
  return arrived;
}

TEST(Link, DropsTheSameFramesOnlyWithTheSameSeed) {
  in_own_process([] {
    const auto first = survivors(1, 1000);
    EXPECT_EQ(survivors(1, 1000), first);
    EXPECT_NE(survivors(2, 1000), first);
    EXPECT_NEAR(static_cast<double>(first.size()), 700, 5 * 14.5);  // five standard deviations
  });
}

TEST(Link, CountsFramesItHasNoMemoryToHold) {
  in_two_ends([](LinkState& state) { state.rules[5].delay = std::chrono::hours(1); },
              [](TwoEnds& ends) {
                const UniqueFd listener = server_socket(ends, Family::ipv4, SOCK_STREAM);
                const UniqueFd source = udp_to(Family::ipv4, 5);
                const std::string datagram(1400, 'x');
                uint64_t sent = 0;
                for (int burst = 0; burst < 100 && ends.state().report.dropped_in_queue == 0; ++burst) {
                  for (int i = 0; i < 1000; ++i)
                    sent += ::send(source.get(), datagram.data(), datagram.size(), 0) > 0 ? 1 : 0;
                  ends.report();
                }
                EXPECT_GT(ends.report().dropped_in_queue, 0U);
                EXPECT_LT(ends.report().dropped_in_queue, sent);
                EXPECT_EQ(connect_to(TwoEnds::far(Family::ipv4, 6, port)).error, 0);
              });
}

/// How often the link's process has given up its processor by itself.
int64_t times_it_slept(const TwoEnds& ends) {
  return number_after(read_text("/proc/" + std::to_string(ends.link_process()) + "/status").value_or(""),
                      "\nvoluntary_ctxt_switches:");
}

/// Whether the link goes to sleep again and again. One that spins, or whose every wait returns at once, never does. Its
/// housekeeping wakes it ten times a second.
bool sleeps(TwoEnds& ends) {
  ends.report();  // it has handled everything that happened before
  const int64_t before = times_it_slept(ends);
  for (int tries = 0; tries < patience_ms; ++tries) {
    if (times_it_slept(ends) >= before + 3) return true;
    sleep_until(now() + milliseconds(1));
  }
  return false;
}

short flags_of_far_end(const UniqueFd& socket, ifreq& request) {
  std::string(far_end).copy(request.ifr_name, IFNAMSIZ - 1);
  checked(::ioctl(socket.get(), SIOCGIFFLAGS, &request), "SIOCGIFFLAGS");
  return request.ifr_flags;
}

void bring_far_end_down() {
  const UniqueFd socket(checked(::socket(AF_INET, SOCK_DGRAM, 0), "socket"));
  ifreq request{};
  request.ifr_flags = static_cast<short>(flags_of_far_end(socket, request) & ~IFF_UP);
  checked(::ioctl(socket.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
}

void bring_far_end_up() {
  const UniqueFd socket(checked(::socket(AF_INET, SOCK_DGRAM, 0), "socket"));
  ifreq request{};
  request.ifr_flags = static_cast<short>(flags_of_far_end(socket, request) | IFF_UP);
  checked(::ioctl(socket.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
}

TEST(Link, SleepsWhileThereIsNothingToDo) {
  in_two_ends([](LinkState& state) { state.rules[5].delay = std::chrono::hours(1); },
              [](TwoEnds& ends) {
                ASSERT_GT(::send(udp_to(Family::ipv4, 5).get(), "x", 1, 0), 0);
                EXPECT_TRUE(sleeps(ends)) << "with a frame held";
                ends.on_link(bring_far_end_down);
                EXPECT_TRUE(sleeps(ends)) << "with an interface down";
              });
}

TEST(Link, ContinuesAfterAnInterfaceWasDown) {
  in_two_ends(no_rules, [](TwoEnds& ends) {
    const UniqueFd listener = server_socket(ends, Family::ipv4, SOCK_STREAM);
    ends.on_link(bring_far_end_down);
    const auto attempt = connect_to(TwoEnds::far(Family::ipv4, 1, port), SOCK_NONBLOCK);
    EXPECT_EQ(ends.report().dropped_on_sending, 1U);
    ends.on_link(bring_far_end_up);
    ASSERT_TRUE(ready_within(attempt.socket, patience_ms, POLLOUT));
    EXPECT_EQ(info_of(attempt.socket).tcpi_state, TCP_ESTABLISHED);
  });
}

}  // namespace
}  // namespace connbench::lab
