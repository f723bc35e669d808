// How the receiving kernel interprets the link's ICMP errors.
#include <gmock/gmock.h>
#include <netinet/tcp.h>

#include <vector>

#include "tests/harness/lab/link/in_two_ends.h"
#include "tests/support/plain_sockets.h"

namespace connbench::lab {
namespace {

using Answer = LinkRule::Answer;
using plain::connect_to;

constexpr uint16_t port = 4000;
constexpr std::chrono::milliseconds delay(5);

struct Refusal {
  const char* name;
  Family family;
  Answer answer;
  int error;  ///< of connect()
};
void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << refusal.name;
}

constexpr Refusal refusals[] = {
    {"HostOverIpv4", Family::ipv4, Answer::host_unreachable, EHOSTUNREACH},
    {"NetOverIpv4", Family::ipv4, Answer::net_unreachable, ENETUNREACH},
    {"ProhibitedOverIpv4", Family::ipv4, Answer::prohibited, EHOSTUNREACH},
    {"HostOverIpv6", Family::ipv6, Answer::host_unreachable, EHOSTUNREACH},
    {"NetOverIpv6", Family::ipv6, Answer::net_unreachable, ENETUNREACH},
    {"ProhibitedOverIpv6", Family::ipv6, Answer::prohibited, EACCES},
};

class Refused : public testing::TestWithParam<Refusal> {};
std::string name_of(const testing::TestParamInfo<Refusal>& refusal) {
  return refusal.param.name;
}
INSTANTIATE_TEST_SUITE_P(ByTheLink, Refused, testing::ValuesIn(refusals), name_of);

TEST_P(Refused, FailsEveryConnectWithItsErrorAfterARoundTrip) {
  constexpr int connects = 20;
  in_two_ends(
      [](LinkState& state) {
        state.rules[8].answer = GetParam().answer;
        state.rules[8].delay = delay;
      },
      [](TwoEnds& ends) {
        for (int i = 0; i < connects; ++i) {
          const TimePoint start = now();
          EXPECT_EQ(connect_to(TwoEnds::far(GetParam().family, 8, port)).error, GetParam().error);
          EXPECT_GE(now() - start, 2 * delay);
        }
        EXPECT_EQ(ends.report().answered, unsigned{connects});
        EXPECT_EQ(ends.report().frames, 0U);
      });
}

// The datagram is longer than an ICMP error may quote. The kernel accepts the error by the part that is quoted.
TEST_P(Refused, ReportsTheErrorForADatagramTooLongToBeQuotedWhole) {
  in_two_ends([](LinkState& state) { state.rules[8].answer = GetParam().answer; },
              [](TwoEnds& ends) {
                const Endpoint to = TwoEnds::far(GetParam().family, 8, port);
                const UniqueFd socket(checked(::socket(to.family(), SOCK_DGRAM, 0), "socket"));
                const int on = 1;  // a datagram socket reports an unreachable host only on request
                const bool v6 = GetParam().family == Family::ipv6;
                checked(::setsockopt(socket.get(), v6 ? int{IPPROTO_IPV6} : int{IPPROTO_IP},
                                     v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on),
                        "setsockopt(RECVERR)");
                const timeval patience{.tv_sec = 2, .tv_usec = 0};
                checked(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "setsockopt");
                checked(::connect(socket.get(), to.address(), to.size()), "connect");
                const std::string datagram(1400, 'x');
                int error = EAGAIN;
                for (int sent = 0; sent < 10 && error == EAGAIN; ++sent) {  // a busy machine may lose a packet
                  ASSERT_GT(::send(socket.get(), datagram.data(), datagram.size(), 0), 0);
                  char none;
                  EXPECT_LT(::recv(socket.get(), &none, sizeof none, 0), 0);
                  error = errno;
                }
                EXPECT_EQ(error, GetParam().error);
                EXPECT_GE(ends.report().answered, 1U);
              });
}

TEST(RefusingBlock, DoesNotAffectOtherBlocks) {
  in_two_ends([](LinkState& state) { state.rules[8].answer = Answer::net_unreachable; },
              [](TwoEnds& ends) {
                const UniqueFd listener = ends.on_server([] {
                  UniqueFd socket(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
                  const Endpoint any = Endpoint::ipv4(INADDR_ANY, port);
                  checked(::bind(socket.get(), any.address(), any.size()), "bind");
                  checked(::listen(socket.get(), 10), "listen");
                  return socket;
                });
                EXPECT_EQ(connect_to(TwoEnds::far(Family::ipv4, 9, port)).error, 0);
              });
}

}  // namespace
}  // namespace connbench::lab
