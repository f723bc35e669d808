// The ladder for people and the JSON for programs, from the same trace.
#include "harness/trace/ladder.h"

#include <gmock/gmock.h>
#include <netinet/tcp.h>

#include <sstream>

#include "harness/trace/trace_json.h"

namespace connbench::trace {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr int64_t ms = 1'000'000;
constexpr int64_t start = 5'000 * ms;

enum class To : uint8_t { client, server };

// A packet captured at `end`.
Packet packet(double at_ms, End end, To to, uint8_t flags) {
  const bool to_server = to == To::server;
  const bool outgoing = end == End::nowhere || (end == End::client && to_server) || (end == End::server && !to_server);
  Packet packet;
  packet.time_ns = start + static_cast<int64_t>(at_ms * ms);
  packet.end = end;
  packet.outgoing = outgoing;
  packet.sighting = !outgoing && end != End::loopback;
  packet.arrived_ns = outgoing ? packet.time_ns + 10 * ms : 0;
  packet.connection = 0;
  packet.to_server = to_server;
  packet.flags = flags;
  packet.relative_acknowledgement = (flags & 16U) != 0 ? 1 : 0;
  packet.options = {.mss = 1460, .window_scale = 10, .sack_permitted = true, .timestamps = true};
  return packet;
}

SystemCall call(double begin_ms, double end_ms, const char* name, const char* arguments, const char* result) {
  return {.begin_ns = start + static_cast<int64_t>(begin_ms * ms),
          .end_ns = start + static_cast<int64_t>(end_ms * ms),
          .name = name,
          .arguments = arguments,
          .result = result};
}

Trace handshake() {
  Trace trace;
  trace.connector = "epoll";
  trace.target = "delayed:20ms";
  trace.connections = {{Endpoint::ipv4(0xc6120001, 40000), Endpoint::ipv4(0xc6130001, 7000)}};
  trace.attempts = {{.started_ns = start, .finished_ns = start + 20'500'000, .outcome = Outcome::connected}};
  trace.calls = {call(-1, -0.9, "epoll_create1", "", "3"),
                 call(0.1, 0.3, "connect", "5, 198.19.0.1:7000", "EINPROGRESS"),
                 call(0.4, 20.4, "epoll_wait", "3, none", "1 [OUT]")};
  trace.calls[1].error = EINPROGRESS;
  trace.calls[1].value = -1;
  trace.packets = {packet(0.2, End::client, To::server, 2), packet(10.2, End::server, To::server, 2),
                   packet(10.3, End::server, To::client, 18), packet(20.3, End::client, To::client, 18)};
  trace.states = {{0, Side::client, TCP_SYN_SENT, 0, start + 350'000},
                  {0, Side::server, TCP_LISTEN, 0, start + 351'000},
                  {0, Side::server, TCP_SYN_RECV, start + 10 * ms, start + 10'350'000},
                  {0, Side::client, TCP_ESTABLISHED, start + 20 * ms, start + 20'450'000}};
  return trace;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(Ladder, ShowsAHandshakeInOrderOfTime) {
  EXPECT_EQ(
      ladder(handshake()),
      R"(      ms client: calls                          state                           packets                      server
  -1.000 epoll_create1() = 3
   0.000 * the attempt begins
   0.100 connect(5, 198.19.0.1:7000) ...
   0.200                                                    |- S <mss 1460,sackOK,TS,wscale 10> ---------->.
   0.300 ... connect = EINPROGRESS
   0.350                                        SYN_SENT                                                     LISTEN
   0.400 epoll_wait(3, none) ...
  10.200                                                    .----------------------------------------- S ->|
  10.300                                                    .<--- S. ack 1 <mss 1460,sackOK,TS,wscale 10> -|
  10.350                                                                                                     SYN_RECV
  20.300                                                    |<- S. ack 1 ----------------------------------.
  20.400 ... epoll_wait = 1 [OUT] (20.0 ms)
  20.450                                        ESTABLISHED
  20.500 * the attempt: connected
)");
}

TEST(Ladder, IsAtMost120CharactersWide) {
  Trace trace = handshake();
  trace.calls.push_back(
      call(21, 22, "getsockopt", "5, SO_ERROR and many words that do not fit into one line of it", "0"));
  trace.packets.back().options.mss = 65495;
  EXPECT_THAT(lines(ladder(trace)),
              Each(testing::ResultOf([](const std::string& line) { return line.size(); }, testing::Le(120U))));
}

TEST(Ladder, PutsStatesBesideCallsAndPacketsWhereItIsNarrow) {
  EXPECT_EQ(ladder(handshake(), 80),
            R"(      ms client: calls                state packets                       server
  -1.000 epoll_create1() = 3
   0.000 * the attempt begins
   0.100 connect(5, 198.19.0.1:7000) ...
   0.200                                    |- S ----------------------------->.
   0.300 ... connect = EINPROGRESS
   0.350                           SYN_SENT                               LISTEN
   0.400 epoll_wait(3, none) ...
  10.200                                    .----------------------------- S ->|
  10.300                                    .<---------------------- S. ack 1 -|
  10.350                                                                SYN_RECV
  20.300                                    |<- S. ack 1 ----------------------.
  20.400 ... epoll_wait = 1 [OUT] (20.0 ms)
  20.450                        ESTABLISHED
  20.500 * the attempt: connected
)");
}

TEST(Ladder, FitsTheTerminalWithEverythingAroundIt) {
  Trace trace = handshake();
  trace.calls.push_back(
      call(21, 22, "getsockopt", "5, SO_ERROR and many words that do not fit into one line of it", "0"));
  trace.notes = {
      "a note of so many words that they do not fit into one line of sixty characters, nor into one of eighty"};
  for (const size_t width : {60U, 80U, 100U, 120U})
    EXPECT_THAT(lines(full_text(trace, width)),
                Each(testing::ResultOf([](const std::string& line) { return line.size(); }, testing::Le(width))));
}

TEST(Ladder, MarksLostPacketsAndRetransmissions) {
  Trace trace = handshake();
  trace.packets = {packet(0.2, End::nowhere, To::server, 2), packet(1000.2, End::nowhere, To::server, 2)};
  for (Packet& lost : trace.packets) lost.arrived_ns = 0;
  trace.packets[1].retransmission = 1;
  EXPECT_THAT(ladder(trace), HasSubstr("|- S <mss 1460,sackOK,TS,wscale 10> ------x"));
  EXPECT_THAT(ladder(trace), HasSubstr("|- S RETRANSMISSION 1 ------x"));
  EXPECT_THAT(packet_list(trace), HasSubstr("  1.000000 client > server: Flags [S], seq 0, win 0, options"));
  EXPECT_THAT(packet_list(trace), HasSubstr("RETRANSMISSION 1, did not arrive\n"));
}

TEST(Ladder, DrawsALoopbackPacketBetweenBothEnds) {
  Trace trace = handshake();
  trace.packets = {packet(0.2, End::loopback, To::server, 2), packet(0.21, End::loopback, To::client, 20)};
  for (Packet& each : trace.packets) each.arrived_ns = each.time_ns;
  EXPECT_THAT(ladder(trace), HasSubstr("|- S <mss 1460,sackOK,TS,wscale 10> ---------->|"));
  EXPECT_THAT(ladder(trace), HasSubstr("|<---------------------------- R. seq 0 ack 1 -|"));
}

TEST(Ladder, ShortensRepeatedCalls) {
  Trace trace = handshake();
  trace.packets.clear();
  trace.states.clear();
  trace.calls.clear();
  for (int i = 0; i < 9; ++i) {
    trace.calls.push_back(call(i * 100, i * 100 + 0.1, "timerfd_settime", "4, at a time", "0"));
    trace.calls.push_back(call(i * 100 + 0.2, i * 100 + 99, "epoll_wait", "3, none", "1 [IN]"));
  }
  const std::string text = ladder(trace);
  EXPECT_THAT(text, HasSubstr("(the same two, 7 times more)"));
  EXPECT_THAT(lines(text), SizeIs(1 + 2 + 4 + 1));
}

TEST(Ladder, LabelsConnectionsAndThreadsWhenThereAreSeveral) {
  Trace trace = handshake();
  trace.connections.push_back(trace.connections[0]);
  trace.states[0].connection = 1;
  trace.calls[1].thread = 2;
  EXPECT_THAT(ladder(trace), HasSubstr("2:SYN_SENT"));
  EXPECT_THAT(ladder(trace), HasSubstr("T2 connect(5, 198.19.0.1:7000) ..."));
}

TEST(Ladder, HidesCallsUnrelatedToConnections) {
  Trace trace = handshake();
  trace.calls.push_back(call(30, 31, "mmap", "", "0"));
  trace.calls.back().shown = false;
  EXPECT_THAT(full_text(trace), Not(HasSubstr("mmap")));
  EXPECT_THAT(full_text(trace), HasSubstr("1 more (memory, locks, signal masks)"));
}

TEST(Ladder, ExplainsThatARingMakesNoSystemCalls) {
  Trace trace = handshake();
  EXPECT_THAT(full_text(trace), Not(HasSubstr("io_uring")));
  trace.uses_io_uring = true;
  EXPECT_THAT(full_text(trace), HasSubstr("io_uring an operation of the ring is no system call"));
}

TEST(TraceJson, HasEveryTimeline) {
  Trace trace = handshake();
  trace.notes = {"cut short by a signal"};
  const auto json = to_json(trace);
  EXPECT_EQ(json.at("schema_version"), 1);
  EXPECT_EQ(json.at("origin_ns"), start);
  EXPECT_EQ(json.at("attempts")[0].at("outcome"), "connected");
  EXPECT_TRUE(json.at("attempts")[0].at("errno").is_null());
  const auto connect = json.at("calls")[1];
  EXPECT_EQ(connect.at("name"), "connect");
  EXPECT_EQ(connect.at("errno"), "EINPROGRESS");
  EXPECT_EQ(connect.at("value"), -1);
  const auto syn = json.at("packets")[0];
  EXPECT_EQ(syn.at("flags"), "S");
  EXPECT_EQ(syn.at("options").at("mss"), 1460);
  EXPECT_EQ(syn.at("arrived_ns"), start + 10'200'000);
  EXPECT_TRUE(syn.at("ack").is_null());
  EXPECT_EQ(json.at("packets")[1].at("sighting"), true);
  const auto state = json.at("states")[2];
  EXPECT_EQ(state.at("side"), "server");
  EXPECT_EQ(state.at("state"), "SYN_RECV");
  EXPECT_EQ(state.at("not_before_ns"), start + 10 * ms);
  EXPECT_EQ(json.at("notes")[0], "cut short by a signal");
}

}  // namespace
}  // namespace connbench::trace
