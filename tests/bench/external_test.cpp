// Hosts outside (--external): how they are written, looked up and measured, and connections of a socket to itself.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "harness/connector/registry.h"
#include "tests/bench/own_network.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A short run against hosts outside, in a network of its own.
class Outside : public testing::Test {
 protected:
  Ended run(
      std::vector<std::string> arguments, const std::function<void()>& prepare = [] {}) {
    arguments.insert(arguments.begin(),
                     {"run", "--external", "--out", out_, "--concurrency", "1", "--repetitions", "1", "--quiet"});
    if (std::ranges::count(arguments, "--attempts") == 0) arguments.insert(arguments.end(), {"--attempts", "20"});
    const Ended ended = connbench(arguments, [&] {
      enter_own_network();
      prepare();
    });
    not_permitted_ = ended.status == could_not_execute;
    return ended;
  }
  std::vector<Row> rows() const { return rows_of(out_ + "/summary.csv"); }
  nlohmann::json record() const { return json_of(out_ + "/run.json"); }

  const TemporaryFolder folder_;
  const std::string out_ = folder_.path() / "run";
  bool not_permitted_ = false;
};

#define SKIP_IF_NOT_PERMITTED() \
  if (not_permitted_) GTEST_SKIP() << "no network namespace can be made here"

bool opens_sockets(const Row& row) {
  return !row.at("connector").starts_with("null");  // the baselines connect to nothing
}

// With these ports, the kernel gives every client 40004 first, the port that it connects to.
void collide() {
  give_clients_ports(40004, 40005);
}

// bind() begins with the ports of the other parity than connect(): with these, with 40004.
void collide_when_bound() {
  give_clients_ports(40003, 40004);
}

TEST_F(Outside, AConnectionToItselfIsNoConnectionWithAnyConnector) {
  const Ended ended = run({"--target", "127.0.0.1:40004,[::1]:40004", "--family", "both", "--wave-limit", "60min",
                           "--timeout", "200ms", "--syscalls", "off"},
                          collide);
  SKIP_IF_NOT_PERMITTED();
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_GE(rows().size(), 2 * (all_connectors().size() - 2)) << "most connectors are there";
  for (const Row& row : rows()) {
    if (!opens_sockets(row)) continue;
    EXPECT_EQ(number(row, "connected"), 0U) << row.at("connector") << " " << row.at("family");
    EXPECT_GT(number(row, "self_connected"), 0U) << row.at("connector") << " " << row.at("family");
    EXPECT_EQ(number(row, "unexpected"), 0U) << row.at("connector") << " " << row.at("family");
  }
}

TEST_F(Outside, AConnectionToItselfIsSeenWhereverTheSourcePortComesFromAndHoweverItIsClosed) {
  for (const std::string connector : {"epoll+source-port:bind", "epoll+source-port:range", "epoll+close:hold",
                                      "epoll+close:fin", "io-uring+close:hold", "io-uring+close:fin"}) {
    std::filesystem::remove_all(out_);
    const Ended ended = run({"--target", "127.0.0.1:40004", "--connector", connector, "--syscalls", "off"},
                            connector.ends_with(":bind") ? collide_when_bound : collide);
    SKIP_IF_NOT_PERMITTED();
    if (ended.status == 3) continue;  // this kernel has no IP_LOCAL_PORT_RANGE, or no io_uring
    ASSERT_EQ(ended.status, 0) << ended.err;
    const Row row = rows().front();
    EXPECT_EQ(number(row, "connected"), 0U) << connector;
    EXPECT_GT(number(row, "self_connected"), 0U) << connector;
  }
}

// The destination's address is never the source's (127.0.0.1), or no client gets its port.
TEST_F(Outside, NoSystemCallLooksForAConnectionToItselfWhereThereCanBeNone) {
  for (const std::string target : {"127.0.0.5:40004", "127.0.0.1:9"}) {
    std::filesystem::remove_all(out_);
    const Ended ended = run({"--target", target, "--connector", "epoll,io-uring,poll-pool"}, collide);
    SKIP_IF_NOT_PERMITTED();
    ASSERT_EQ(ended.status, 0) << ended.err;
    for (const Row& row : rows()) EXPECT_EQ(number(row, "self_connected"), 0U) << row.at("connector");
    const auto described = record();
    for (const auto& counted : described.at("syscalls")) {
      EXPECT_FALSE(counted.at("calls").contains("getsockname")) << counted;
      EXPECT_FALSE(counted.at("calls").contains("getpeername")) << counted;
    }
  }
}

TEST_F(Outside, AnAddressKeepsItsInterfaceWithAnyConnector) {
  const Ended ended =
      run({"--target", "[FE80:0::1%1]:9", "--family", "6", "--syscalls", "off", "--wave-limit", "60min"},
          [] { add_address("fe80::1"); });
  SKIP_IF_NOT_PERMITTED();
  ASSERT_EQ(ended.status, 0) << ended.err;
  for (const Row& row : rows()) {
    EXPECT_EQ(row.at("target"), "[fe80::1%lo]:9");
    if (!opens_sockets(row)) continue;
    EXPECT_EQ(number(row, "refused"), 20U) << row.at("connector");
  }
  EXPECT_EQ(record().at("hosts").at(0).at("address"), "[fe80::1%lo]:9");
}

TEST_F(Outside, ANameWithSeveralAddressesIsMeasuredAtTheFirstAndTheOthersAreReported) {
  const Ended ended = run({"--target", "Several.test:9", "--connector", "epoll"}, [&] {
    replace_file(folder_.path(), "/etc/nsswitch.conf", "hosts: files\n");
    replace_file(folder_.path(), "/etc/hosts", "127.0.0.1 several.test\n127.0.0.2 several.test\n");
  });
  SKIP_IF_NOT_PERMITTED();
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("several.test:9 has 2 addresses of family 4"), HasSubstr("the first, 127.0.0.")));
  EXPECT_EQ(record().at("hosts").at(0).at("target"), "several.test:9");
  EXPECT_EQ(record().at("hosts").at(0).at("others"), 1);
}

// Nothing listens: a race ends when the last address has refused, and only a race asks it.
TEST_F(Outside, ConnectorsThatRaceGetAllAddressesOfAName) {
  const auto prepare = [&] {
    replace_file(folder_.path(), "/etc/nsswitch.conf", "hosts: files\n");
    replace_file(folder_.path(), "/etc/hosts", "127.0.0.1 several.test\n127.0.0.2 several.test\n::1 several.test\n");
  };
  const Ended ended =
      run({"--target", "several.test:9", "--connector", "happy-eyeballs,epoll", "--family", "both", "--attempts", "1"},
          prepare);
  SKIP_IF_NOT_PERMITTED();
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("happy-eyeballs may have used all of them; the others went to the first, 127.0.0."));
  const auto written = record();
  const auto hosts = written.at("hosts");
  ASSERT_EQ(hosts.size(), 2U);
  EXPECT_EQ(hosts.at(0).at("addresses").size(), 3U);
  EXPECT_EQ(hosts.at(0).at("addresses").at(2), "[::1]:9") << "in a case of family 4, the others come last";
  EXPECT_EQ(hosts.at(1).at("addresses").at(0), "[::1]:9");
  for (const auto& counted : written.at("syscalls")) {
    if (!counted.at("calls").contains("connect")) continue;
    EXPECT_EQ(counted.at("calls").at("connect"), counted.at("connector") == "epoll" ? 1 : 3) << counted;
  }
}

TEST_F(Outside, ANameWithoutAnAddressIsRefusedBeforeTheFolderExists) {
  const Ended unknown =
      run({"--target", "nobody.test:9"}, [&] { replace_file(folder_.path(), "/etc/nsswitch.conf", "hosts: files\n"); });
  SKIP_IF_NOT_PERMITTED();
  EXPECT_EQ(unknown.status, 2) << unknown.err;
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("--target: nobody.test has no address of family 4")));
  EXPECT_FALSE(std::filesystem::exists(out_));
}

// A name server for the command's own network that knows every name, but no address. It ends with the command.
void know_names_without_addresses() {
  const UniqueFd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  if (::fork() != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::array<char, 512> message;
  while (true) {
    socklen_t size = sizeof address;
    auto* from = reinterpret_cast<sockaddr*>(&address);
    const ssize_t length = ::recvfrom(server.get(), message.data(), message.size(), 0, from, &size);
    message[2] = static_cast<char>(0x81);  // RFC 1035, 4.1.1: a response, without an error
    message[3] = static_cast<char>(0x80);
    if (length > 12) ::sendto(server.get(), message.data(), static_cast<size_t>(length), 0, from, size);
  }
}

TEST_F(Outside, ANameThatIsKnownButHasNoAddressIsRefusedToo) {
  const Ended ended = run({"--target", "bare.test:9"}, [&] {
    replace_file(folder_.path(), "/etc/nsswitch.conf", "hosts: dns\n");
    replace_file(folder_.path(), "/etc/resolv.conf", "nameserver 127.0.0.1\noptions attempts:1 timeout:5\n");
    know_names_without_addresses();
  });
  SKIP_IF_NOT_PERMITTED();
  EXPECT_EQ(ended.status, 2) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("--target: bare.test has no address of family 4"));
}

TEST_F(Outside, ANameThatCannotBeLookedUpIsALackOfTheMachine) {
  const Ended unknown = run({"--target", "nobody.test:9"}, [&] {
    replace_file(folder_.path(), "/etc/nsswitch.conf", "hosts: dns\n");
    replace_file(folder_.path(), "/etc/resolv.conf", "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n");
  });
  SKIP_IF_NOT_PERMITTED();
  EXPECT_EQ(unknown.status, 3) << unknown.err;
  EXPECT_THAT(unknown.err, HasSubstr("nobody.test has no address of family 4"));
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(Outside, AnAddressOfAnotherFamilyIsRefusedAloneAndSkippedBesideOthers) {
  const Ended alone = run({"--target", "[::1]:9", "--connector", "epoll"});
  SKIP_IF_NOT_PERMITTED();
  EXPECT_EQ(alone.status, 2);
  EXPECT_THAT(alone.err, HasSubstr("--target: ::1 has no address of family 4"));
  EXPECT_FALSE(std::filesystem::exists(out_));
  const Ended both = run({"--target", "[::1]:9,127.0.0.1:9", "--family", "both", "--connector", "epoll"});
  EXPECT_EQ(both.status, 0) << both.err;
  EXPECT_EQ(rows().size(), 2U);
  EXPECT_THAT(both.out, AllOf(HasSubstr("[::1]:9 has no address of family 4"),
                              HasSubstr("127.0.0.1:9 has no address of family 6")));
}

TEST_F(Outside, ASlowRateLeavesAWaveTheTimeItNeeds) {
  const Ended ended = run({"--target", "127.0.0.1:9", "--connector", "epoll", "--external-rate", "2/s", "--timeout",
                           "1ms", "--attempts", "2", "--syscalls", "off", "--dry-run"});
  SKIP_IF_NOT_PERMITTED();
  EXPECT_THAT(ended.out, HasSubstr("wave limit 6.004s")) << "5 s, the deadlines, and a second in which they may begin";
}

// Nobody knows whether the host answers. The remedy in the reason is one.
TEST_F(Outside, ASkipClaimsNothingAboutTheHostAndItsAdviceWorks) {
  const Ended skipped = run({"--target", "127.0.0.1:9", "--connector", "blocking,epoll", "--attempts", "2"});
  SKIP_IF_NOT_PERMITTED();
  EXPECT_EQ(skipped.status, 0) << skipped.err;
  const std::string reason = record().at("skipped").at(0).at("reason");
  EXPECT_THAT(reason, AllOf(HasSubstr("if 127.0.0.1:9 does not answer"), Not(HasSubstr("never answers"))));
  const std::string flag = "--wave-limit ";
  const size_t at = reason.find(flag);
  ASSERT_NE(at, std::string::npos) << reason;
  const std::string advised = reason.substr(at + flag.size(), reason.find(' ', at + flag.size()) - at - flag.size());
  std::filesystem::remove_all(out_);
  const Ended measured =
      run({"--target", "127.0.0.1:9", "--connector", "blocking", "--attempts", "2", "--wave-limit", advised});
  EXPECT_EQ(measured.status, 0) << measured.err;
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(number(rows().front(), "refused"), 2U);
}

struct BadAddress {
  std::string target;
  std::string complaint;
};

// All of it before anything is looked up or written.
TEST_F(Outside, SaysHowAnAddressIsWritten) {
  const std::vector<BadAddress> all{
      {"::1:80", "put in brackets: write [::1]:80"},
      {"2001:db8::1", "write [2001:db8::1]:PORT"},
      {"fe80::1%lo:80", "put in brackets: write [fe80::1%lo]:80"},
      {"[]:80", "it has no host"},
      {"[::1]", "its port follows: [::1]:80"},
      {"[::1]80", "its port follows: [::1]:80"},
      {"[::1", "its port follows: [::1]:80"},
      {"[localhost]:80", "no IPv6 address"},
      {"[127.0.0.1]:80", "no IPv6 address"},
      {"[::1]:", "the port is ''"},
      {"[::1]:0", "from 1 to 65535"},
      {"localhost:65536", "from 1 to 65535"},
      {"localhost:080", "from 1 to 65535"},
      {"localhost:+80", "from 1 to 65535"},
      {"localhost:http", "from 1 to 65535"},
      {":80", "it has no host"},
      {"127.1:80", "did you mean 127.0.0.1?"},
      {"0x7f000001:80", "did you mean 127.0.0.1?"},
      {"010.0.0.1:80", "did you mean 8.0.0.1?"},
      {"127.0.0.256:80", "no IPv4 address"},
      {"1.2.3.4.5:80", "no IPv4 address"},
      {"http://localhost:80", "neither a target nor host:port"},
      {"user@localhost:80", "no name of a host"},
      {"local host:80", "no name of a host"},
      {"[fe80::1]:80", "needs its interface, such as [fe80::1%eth0]"},
      {"[fe80::1%nowhere]:80", "no interface is called 'nowhere' here"},
      {"[fe80::1%99999]:80", "no interface is called '99999' here"},
      {"[fe80::1%]:80", "no interface is called '' here"},
      {"[::1%lo]:80", "only a link-local address has an interface"},
  };
  for (const auto& [target, complaint] : all) {
    const Ended ended = run({"--target", target, "--family", "both"});
    SKIP_IF_NOT_PERMITTED();
    EXPECT_EQ(ended.status, 2) << target;
    EXPECT_THAT(ended.err, AllOf(HasSubstr("--target: '" + target + "'"), HasSubstr(complaint)));
    EXPECT_THAT(ended.out, IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(out_)) << target;
  }
}

TEST_F(Outside, RefusesTwoSpellingsOfOneAddress) {
  for (const std::string targets : {"[::1]:9,[0::1]:9", "[::1]:9,[0:0:0:0:0:0:0:1]:9", "LOCALHOST:9,localhost:9",
                                    "127.0.0.1:9,localhost:9", "[fe80::1%lo]:9,[FE80::1%1]:9"}) {
    const Ended ended = run({"--target", targets, "--family", "both", "--connector", "epoll"}, [&] {
      replace_file(folder_.path(), "/etc/nsswitch.conf", "hosts: files\n");
      replace_file(folder_.path(), "/etc/hosts", "127.0.0.1 localhost\n");
    });
    SKIP_IF_NOT_PERMITTED();
    EXPECT_EQ(ended.status, 2) << targets << ended.err;
    EXPECT_THAT(ended.err, testing::AnyOf(HasSubstr("is given twice"), HasSubstr("are the same address, 127.0.0.1:9")));
    EXPECT_FALSE(std::filesystem::exists(out_));
  }
}

TEST_F(Outside, IsFoundWithoutTheFlagThatAllowsIt) {
  const Ended ended = connbench({"run", "--target", "127.0.0.1:9"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("--external allows it"));
}

}  // namespace
}  // namespace connbench
