// connbench trace, as a user starts it: its calls, packets and states agree with each other and with tcpdump.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <regex>

#include "harness/lab/lab.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/sanitizer.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using Json = nlohmann::json;

// Far enough away that every state of the handshake is seen, however busy the machine is.
constexpr const char* far_away = "delayed:200ms";
constexpr Duration half_the_way = std::chrono::milliseconds(100);

std::string tcpdump() {
  for (const char* path : {"/usr/bin/tcpdump", "/usr/sbin/tcpdump"})
    if (::access(path, X_OK) == 0) return path;
  return "";
}

// The flags of every TCP packet of a file, as tcpdump reads them.
std::vector<std::string> flags_by_tcpdump(const std::string& file, const std::string& filter = "tcp") {
  std::vector<std::string> command{tcpdump(), "-nn", "-r", file, filter};
  if (::geteuid() == 0) command.insert(command.end() - 1, {"-Z", "root"});  // or it would give up the right to read it
  const Ended ended = Program(command).wait();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.err, Not(HasSubstr("truncated")));
  std::vector<std::string> flags;
  const std::regex pattern(R"(Flags \[([^\]]*)\])");
  for (auto at = std::sregex_iterator(ended.out.begin(), ended.out.end(), pattern); at != std::sregex_iterator(); ++at)
    flags.push_back((*at)[1]);
  return flags;
}

// A trace that has been read back.
struct Traced {
  Json json;

  const Json& attempt() const { return json.at("attempts").at(0); }
  int64_t started() const { return attempt().at("started_ns"); }

  // "S", "S." …: each packet once, of one direction.
  std::vector<std::string> flags(const std::string& to) const {
    std::vector<std::string> flags;
    for (const Json& packet : json.at("packets"))
      if (packet.at("to") == to && !packet.at("sighting").get<bool>() && packet.contains("flags"))
        flags.push_back(packet.at("flags"));
    return flags;
  }
  std::vector<std::string> all_flags() const {
    std::vector<std::string> flags;
    for (const Json& packet : json.at("packets"))
      if (packet.contains("flags")) flags.push_back(packet.at("flags"));
    return flags;
  }
  std::vector<std::string> states(const std::string& side) const {
    std::vector<std::string> states;
    for (const Json& state : json.at("states"))
      if (state.at("side") == side) states.push_back(state.at("state"));
    return states;
  }
  const Json& call(const std::string& name) const {
    for (const Json& call : json.at("calls"))
      if (call.at("name") == name) return call;
    throw std::runtime_error("no call of " + name);
  }
  const Json& packet(const std::string& flags, const std::string& to) const {
    for (const Json& packet : json.at("packets"))
      if (packet.value("flags", "") == flags && packet.at("to") == to) return packet;
    throw std::runtime_error("no packet " + flags);
  }
};

class Trace : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
    if (tcpdump().empty()) GTEST_SKIP() << "there is no tcpdump (apt-get install tcpdump)";
  }

  std::string pcap() const { return folder_.path() / "trace.pcap"; }

  // Until the capture that is being written has one.
  void wait_for_a_syn() const {
    const TimePoint until = now() + patience;
    std::vector<std::string> command{tcpdump(), "-nn", "-r", pcap(), "tcp"};
    if (::geteuid() == 0) command.insert(command.end() - 1, {"-Z", "root"});
    while (now() < until && Program(command).wait().out.find("Flags [S]") == std::string::npos) ::poll(nullptr, 0, 5);
  }

  // Traces, and holds the packets against those that tcpdump finds in the file.
  Traced trace(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "trace");
    arguments.insert(arguments.end(), {"--format", "json", "--pcap", pcap()});
    const Ended ended = connbench(arguments);
    EXPECT_EQ(ended.status, 0) << ended.err;
    Traced traced{Json::parse(ended.out)};
    auto ours = traced.all_flags();
    auto theirs = flags_by_tcpdump(pcap());
    std::ranges::sort(ours);
    std::ranges::sort(theirs);
    EXPECT_EQ(ours, theirs);
    // The connect() that sent it was under way when the first SYN left, unless nothing was sent.
    const Json& connect = traced.call("connect");
    const int64_t left = traced.packet("S", "server").at("time_ns");
    EXPECT_LE(connect.at("begin_ns"), left);
    EXPECT_GE(connect.at("end_ns"), left);
    return traced;
  }

  TemporaryFolder folder_;
};

TEST_F(Trace, OfAnAcceptingTargetShowsBothEndsToTheirEnd) {
  const Traced seen = trace({"--target", "accepting"});
  EXPECT_EQ(seen.attempt().at("outcome"), "connected");
  EXPECT_EQ(seen.call("getsockopt").at("result"), "0 [0]");
  EXPECT_THAT(seen.flags("server"), testing::AllOf(IsSupersetOf({"S", ".", "F."}), Contains(".").Times(2)));
  EXPECT_EQ(seen.flags("client").front(), "S.");
  EXPECT_THAT(seen.states("client"), Contains("ESTABLISHED"));
  EXPECT_EQ(seen.states("client").back(), "TIME_WAIT") << "who closes first waits";
  EXPECT_EQ(seen.states("server").back(), "CLOSED");
  EXPECT_THAT(seen.json.at("packets"), Each(testing::ResultOf([](const Json& p) { return p.at("end"); }, "loopback")));
}

TEST_F(Trace, OfASpeakingTargetShowsItsData) {
  const Traced seen = trace({"--target", "speaking-first"});
  EXPECT_EQ(seen.attempt().at("outcome"), "connected");
  EXPECT_GT(seen.packet("P.", "client").at("length"), 20);
  EXPECT_EQ(seen.packet("P.", "client").at("seq"), 1);
  EXPECT_EQ(seen.states("client").back(), "CLOSED") << "closed with data unread, a socket resets, and does not wait";
  EXPECT_THAT(seen.all_flags(), Contains(testing::StartsWith("R")));
}

TEST_F(Trace, OfARefusingTargetShowsTheResetAndItsErrno) {
  const Traced seen = trace({"--target", "refusing"});
  EXPECT_EQ(seen.attempt().at("outcome"), "refused");
  EXPECT_EQ(seen.attempt().at("errno"), "ECONNREFUSED");
  EXPECT_EQ(seen.call("getsockopt").at("result"), "0 [ECONNREFUSED]");
  EXPECT_THAT(seen.flags("server"), ElementsAre("S"));
  EXPECT_THAT(seen.flags("client"), ElementsAre("R."));
  EXPECT_EQ(seen.packet("R.", "client").at("ack"), 1);
  EXPECT_THAT(seen.states("client"), Not(Contains("ESTABLISHED")));
  EXPECT_EQ(seen.states("client").back(), "CLOSED");
}

// SYNs at 0 and about 1 s (RFC 6298's first timeout), and the deadline after them.
TEST_F(Trace, OfABlackholeShowsEverySyn) {
  const Traced seen =
      trace({"--target", "blackhole", "--timeout", "1500ms", "--sysctl", "net.ipv4.tcp_syn_linear_timeouts=0"});
  EXPECT_EQ(seen.attempt().at("outcome"), "deadline_exceeded");
  EXPECT_THAT(seen.flags("client"), IsEmpty());
  ASSERT_THAT(seen.flags("server"), ElementsAre("S", "S"));
  const Json& packets = seen.json.at("packets");
  EXPECT_THAT(packets, Each(testing::ResultOf([](const Json& p) { return p.at("arrived_ns").is_null(); }, true)));
  EXPECT_EQ(packets.at(0).at("retransmission"), 0);
  EXPECT_EQ(packets.at(1).at("retransmission"), 1);
  EXPECT_GE(packets.at(1).at("time_ns").get<int64_t>() - packets.at(0).at("time_ns").get<int64_t>(), 900'000'000);
  EXPECT_THAT(seen.states("client"), ElementsAre("SYN_SENT", "CLOSED"));
  EXPECT_EQ(seen.call("connect").at("errno"), "EINPROGRESS");
}

TEST_F(Trace, OfALostSynShowsItsRetransmission) {
  const Traced seen = trace({"--target", "lossy-syn:1"});
  EXPECT_EQ(seen.attempt().at("outcome"), "connected");
  const Json& first = seen.json.at("packets").at(0);
  EXPECT_EQ(first.at("flags"), "S");
  EXPECT_TRUE(first.at("arrived_ns").is_null());
  const Json& second = seen.json.at("packets").at(1);
  EXPECT_EQ(second.at("flags"), "S");
  EXPECT_EQ(second.at("retransmission"), 1);
  EXPECT_FALSE(second.at("arrived_ns").is_null());
  EXPECT_GT(seen.attempt().at("finished_ns"), seen.packet("S.", "client").at("time_ns"));
  EXPECT_GE(seen.attempt().at("finished_ns").get<int64_t>() - seen.started(), 900'000'000);
  EXPECT_EQ(seen.states("client").front(), "SYN_SENT");
  EXPECT_THAT(seen.states("client"), Contains("ESTABLISHED"));
}

// A race: the reset arrives before the client looks, or after. Either must be reported as it was.
TEST_F(Trace, OfAResettingTargetReportsWhichCameFirst) {
  const Traced seen = trace({"--target", "resetting"});
  EXPECT_THAT(seen.flags("client"), IsSupersetOf({"S.", "R."}));
  const int64_t reset = seen.packet("R.", "client").at("time_ns");
  const Json& asked = seen.call("getsockopt");
  if (seen.attempt().at("outcome") == "reset") {
    EXPECT_EQ(asked.at("result"), "0 [ECONNRESET]");
    EXPECT_LE(reset, asked.at("end_ns"));
  } else {
    EXPECT_EQ(seen.attempt().at("outcome"), "connected");
    EXPECT_EQ(asked.at("result"), "0 [0]");
    EXPECT_GE(reset, asked.at("begin_ns"));
  }
  EXPECT_EQ(seen.states("client").back(), "CLOSED");
}

TEST_F(Trace, AcrossTheLinkShowsEachPacketAtBothEndsAndEveryState) {
  const Traced seen = trace({"--target", far_away, "--family", "6"});
  const Json& syn = seen.packet("S", "server");
  EXPECT_GE(syn.at("arrived_ns").get<int64_t>() - syn.at("time_ns").get<int64_t>(), half_the_way.count());
  // Those that last a round trip; the others may come and go between two looks.
  EXPECT_THAT(seen.states("client"), IsSupersetOf({"SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "TIME_WAIT"}));
  EXPECT_THAT(seen.states("server"), IsSupersetOf({"LISTEN", "SYN_RECV", "CLOSED"}));
  EXPECT_THAT(seen.json.at("connections").at(0).at("client"), testing::StartsWith("[2001:2:"));
  auto at_client = flags_by_tcpdump(pcap(), "tcp and ifindex 10");
  EXPECT_EQ(at_client.size() * 2, seen.all_flags().size()) << "each packet once at each end";
}

TEST_F(Trace, FollowsThreadsAndSaysWhatARingDoesNotShow) {
  const Traced blocked = trace({"--connector", "blocking-threads", "--target", far_away});
  EXPECT_EQ(blocked.call("connect").at("result"), "0");
  EXPECT_GT(blocked.call("connect").at("thread"), 1);
  EXPECT_THAT(blocked.states("client"), Contains("SYN_SENT"));
  const Ended ring = connbench({"trace", "--connector", "io-uring", "--target", far_away});
  if (ring.status == 3) GTEST_SKIP() << ring.err;
  EXPECT_THAT(ring.out, testing::AllOf(HasSubstr("* the attempt: connected"), HasSubstr("is no system call"),
                                       HasSubstr("SYN_SENT")));  // it closes at once: ESTABLISHED may pass unseen
}

TEST_F(Trace, FollowsAForkedProcess) {
  const Traced forked = trace({"--connector", "fork-per-attempt", "--target", far_away});
  EXPECT_EQ(forked.attempt().at("outcome"), "connected");
  EXPECT_GT(forked.call("connect").at("thread"), 1);
  EXPECT_THAT(forked.states("client"), IsSupersetOf({"SYN_SENT", "ESTABLISHED"}));
}

TEST_F(Trace, TellsTheGreetingInEightPackets) {
  const Traced seen = trace({"--story", "greeting"});
  EXPECT_EQ(seen.attempt().at("outcome"), "connected");
  EXPECT_THAT(seen.json.at("notes").dump(), HasSubstr("welcome to our server. timestamp on server: "));
  // Each ACK of data or FIN may travel alone or with what follows it.
  EXPECT_THAT(seen.flags("client"), IsSupersetOf({"S.", "P.", "F."}));
  EXPECT_THAT(seen.flags("server"), IsSupersetOf({"S", ".", "F."}));
  EXPECT_EQ(seen.packet("P.", "client").at("length"), 255);
  EXPECT_GE(seen.flags("client").size() + seen.flags("server").size(), 7U);
  EXPECT_EQ(seen.states("server").back(), "TIME_WAIT");
}

TEST_F(Trace, TracesSeveralAttemptsOneAfterTheOther) {
  const Traced seen = trace({"--target", "accepting", "--attempts", "3", "--close", "rst"});
  EXPECT_EQ(seen.json.at("attempts").size(), 3U);
  EXPECT_EQ(seen.json.at("connections").size(), 3U);
  EXPECT_THAT(seen.flags("server"), Contains("R.").Times(3));
}

TEST_F(Trace, LeavesATargetsOwnConnectionsOut) {
  const Ended ended = connbench({"trace", "--target", "backlog-full", "--timeout", "20ms", "--format", "json"});
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(Json::parse(ended.out).at("connections").size(), 1U);
}

TEST_F(Trace, PrintsWhatItSawWhenItIsInterrupted) {
  Program program({CONNBENCH_PROGRAM, "trace", "--target", "blackhole", "--timeout", "60s", "--pcap", pcap()});
  wait_for_a_syn();
  ::kill(program.pid(), SIGINT);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.status, 130) << ended.err;
  EXPECT_THAT(ended.out, testing::AllOf(HasSubstr("|- S <"), HasSubstr("cut short by a signal")));
  EXPECT_THAT(flags_by_tcpdump(pcap()), testing::AllOf(Not(IsEmpty()), Each("S")));
  EXPECT_THAT(program.left_behind(), IsEmpty());
}

TEST_F(Trace, LeavesNothingBehindWhenItIsKilled) {
  Program program({CONNBENCH_PROGRAM, "trace", "--target", "blackhole", "--timeout", "60s", "--pcap", pcap()});
  wait_for_a_syn();
  ::kill(program.pid(), SIGKILL);
  program.wait();
  EXPECT_THAT(program.left_behind(), IsEmpty());
  EXPECT_THAT(flags_by_tcpdump(pcap()), testing::AllOf(Not(IsEmpty()), Each("S")));
}

TEST_F(Trace, NeedsNoRights) {
  SKIP_UNDER_THREAD_SANITIZER();  // a user namespace wants a process with one thread
  if (::geteuid() != 0) GTEST_SKIP() << "who runs the tests is an ordinary user";
  constexpr uid_t nobody = 65534;
  const std::string program = folder_.path() / "connbench";  // where the build lies, others may not look
  std::filesystem::copy_file(CONNBENCH_PROGRAM, program);
  ASSERT_EQ(::chown(folder_.path().c_str(), nobody, nobody), 0);
  const Ended ended = Program({program, "trace", "--target", far_away, "--format", "json", "--pcap", pcap()}, [] {
                        if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(could_not_execute);
                      }).wait();
  ASSERT_EQ(ended.status, 0) << ended.err;
  const Traced seen{Json::parse(ended.out)};
  EXPECT_EQ(seen.json.at("lab_rights"), "user namespace");
  EXPECT_EQ(seen.attempt().at("outcome"), "connected");
  EXPECT_THAT(seen.states("client"), IsSupersetOf({"SYN_SENT", "ESTABLISHED", "TIME_WAIT"}));
  EXPECT_THAT(seen.states("server"), Contains("SYN_RECV"));
  EXPECT_EQ(seen.call("connect").at("errno"), "EINPROGRESS");
  EXPECT_THAT(flags_by_tcpdump(pcap()), Contains("S."));
}

TEST_F(Trace, WritesToTheGivenFile) {
  const std::string out = folder_.path() / "trace.txt";
  const Ended ended = connbench({"trace", "--target", "accepting", "--out", out});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, IsEmpty());
  EXPECT_THAT(read_text(out).value_or(""), HasSubstr("ESTABLISHED"));
}

TEST(TraceInput, IsRefusedWithAHint) {
  const auto refused = [](std::vector<std::string> arguments, const char* says) {
    arguments.insert(arguments.begin(), "trace");
    const Ended ended = connbench(arguments);
    EXPECT_EQ(ended.status, 2) << arguments.back();
    EXPECT_THAT(ended.err, HasSubstr(says));
    EXPECT_THAT(ended.out, IsEmpty());
  };
  refused({"--connector", "epol"}, "did you mean 'epoll'");
  refused({"--target", "delayed:soon"}, "delayed:20ms");
  refused({"--attempts", "0"}, "--attempts");
  refused({"--attempts", "101"}, "from 1 to 100");
  refused({"--timeout", "5"}, "--timeout");
  refused({"--timeout", "0s"}, "--timeout: '0s' is not valid: expected a time from 1ns to 10min");
  refused({"--family", "unix"}, "--family: 'unix' is not one of 4, 6");
  refused({"--close", "soon"}, "--close: 'soon' is not one of rst, fin, hold");
  refused({"--until", "dawn"}, "--until: 'dawn' is not one of quiet, closed");
  refused({"--format", "xml"}, "--format: 'xml' is not one of text, json");
  refused({"--story", "farewell"}, "--story: 'farewell' is not one of greeting");
  refused({"--story", "greeting", "--target", "accepting"}, "exclude each other");
  refused({"--story", "greeting", "--attempts", "3"}, "exclude each other");
  refused({"--story", "greeting", "--timeout", "1ms"}, "exclude each other");
  refused({"--story", "greeting", "--close", "rst"}, "exclude each other");
  refused({"--sysctl", "kernel.x=1"}, "net.ipv4.tcp_syn_retries=1");
  refused({"--pcap", "/nowhere/at/all.pcap"}, "--pcap: /nowhere/at/all.pcap cannot be written");
}

TEST(TraceInput, NeedsALab) {
  const Ended ended = connbench({"trace"}, [] { refuse(SYS_unshare); });
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("nothing can be traced here: "));
}

TEST_F(Trace, OfAConnectorThatCannotBeMadeIsRefusedBeforeItBegins) {
  if (sanitized) GTEST_SKIP() << "sanitizers need more address space than the test leaves";
  const Ended ended = connbench({"trace", "--connector", "poll-pool+stack:1GiB"}, [] {
    const rlimit limit{1 << 30, 1 << 30};
    ::setrlimit(RLIMIT_AS, &limit);
  });
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("poll-pool+stack:1GiB cannot be made"));
  EXPECT_THAT(ended.out, IsEmpty());
}

TEST_F(Trace, SaysWhyAClientDidNotEnd) {
  const Ended ended = connbench({"trace", "--connector", "blocking", "--target", "blackhole", "--timeout", "50ms"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("did not end by itself"), HasSubstr("blocking has no deadline")));
}

TEST_F(Trace, NeedsPtrace) {
  const Ended ended = connbench({"trace"}, [] {
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // which needs ptrace itself
    refuse(SYS_ptrace);
  });
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("the client cannot be followed: "));
}

}  // namespace
}  // namespace connbench
