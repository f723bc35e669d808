#include "harness/machine/machine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "harness/connector/endpoint.h"
#include "harness/process/ask_in_child.h"
#include "harness/support/unique_fd.h"
#include "tests/support/sanitizer.h"

namespace connbench {
namespace {

using ::testing::HasSubstr;

std::string ask_shell(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "re");
  std::string text;
  for (int c; (c = ::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  ::pclose(pipe);
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

std::string file_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

TEST(Machine, DescribesTheRunningKernel) {
  const auto machine = describe_machine();
  EXPECT_EQ(machine.at("kernel").at("release"), ask_shell("uname -r"));
  EXPECT_EQ(machine.at("kernel").at("version"), ask_shell("uname -v"));
}

TEST(Machine, DescribesProcessorsMemoryAndClock) {
  const auto machine = describe_machine();
  EXPECT_EQ(machine.at("cpu").at("online").size(), std::stoul(ask_shell("getconf _NPROCESSORS_ONLN")));
  EXPECT_EQ(machine.at("cpu").at("available").size(), std::stoul(ask_shell("nproc")));
  EXPECT_EQ(machine.at("memory").at("total_kib").get<long>(),
            std::stol(ask_shell("awk '/MemTotal/ {print $2}' /proc/meminfo")));
  EXPECT_EQ(machine.at("clock_source"), file_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
  EXPECT_EQ(machine.at("load").at("average").size(), 3u);
  const std::string model = ask_shell("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1");
  if (!model.empty()) {
    EXPECT_EQ(machine.at("cpu").at("model"), model);
  }
  const std::string flags = ask_shell("grep -m1 ^flags /proc/cpuinfo");
  if (!flags.empty()) {
    EXPECT_EQ(machine.at("virtualisation").at("hypervisor"), flags.find("hypervisor") != std::string::npos);
  }
}

TEST(Machine, DescribesLimitsAsTheShellDoes) {
  const auto limits = describe_machine().at("limits");
  EXPECT_EQ(limits.at("nofile").at("soft").dump(), ask_shell("ulimit -Sn"));
  EXPECT_EQ(limits.at("nofile").at("hard").dump(), ask_shell("ulimit -Hn"));
  EXPECT_TRUE(limits.contains("nproc") && limits.contains("stack") && limits.contains("as"));
}

TEST(Machine, DescribesMissingFactsAsNull) {
  const auto sysctls = describe_machine().at("sysctls");
  for (const auto& [name, value] : sysctls.items()) {
    std::string path = "/proc/sys/" + name;
    std::replace(path.begin() + 10, path.end(), '.', '/');
    EXPECT_EQ(value.is_null(), ::access(path.c_str(), F_OK) != 0) << name;
  }
  EXPECT_EQ(sysctls.at("kernel.pid_max"), std::stol(file_line("/proc/sys/kernel/pid_max")));
  EXPECT_EQ(sysctls.at("net.ipv4.tcp_mem"), file_line("/proc/sys/net/ipv4/tcp_mem"));
}

TEST(Machine, DescribesAnUnreadableLoadAsNull) {
  const ChildAnswer answer = ask_in_child([] {
    const rlimit nothing{};
    checked(::setrlimit(RLIMIT_NOFILE, &nothing), "setrlimit");  // no file of /proc can be opened
    const auto load = describe_load();
    return fmt::format("{} {}", load.at("softirq_ns").dump(), load.at("steal_ns").dump());
  });
  EXPECT_EQ(answer.text, "null null");
}

TEST(Machine, DescribesItsBuild) {
  const auto machine = describe_machine();
  for (const char* fact : {"git_commit", "compiler", "flags", "type"})
    EXPECT_TRUE(machine.at("build").at(fact).is_string());
  EXPECT_THAT(ask_shell("getconf GNU_LIBC_VERSION"), HasSubstr(machine.at("libraries").at("glibc").get<std::string>()));
}

TEST(Sysctl, ReadsWhatExistsAndNothingElse) {
  EXPECT_EQ(sysctl("kernel.ostype"), "Linux");
  EXPECT_EQ(sysctl("net.core.somaxconn"), file_line("/proc/sys/net/core/somaxconn"));
  EXPECT_EQ(sysctl("kernel.no_such_thing"), std::nullopt);
}

TEST(Sysctl, IsReadInTheCurrentNetworkNamespace) {
  const ChildAnswer answer = ask_in_child([] {
    checked(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), "unshare");
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "20000 20099\n";
    const PortRange ports = ephemeral_ports();
    return fmt::format("{}-{}", ports.first, ports.last);
  });
  if (!answer.ok) GTEST_SKIP() << answer.text;
  const PortRange ours = ephemeral_ports();
  EXPECT_EQ(file_line("/proc/sys/net/ipv4/ip_local_port_range"), fmt::format("{}\t{}", ours.first, ours.last));
  EXPECT_EQ(answer.text, "20000-20099");
}

// The kernel assigns each port that is counted, and no other.
TEST(EphemeralPorts, AreCountedWithoutThoseThatAreReserved) {
  const ChildAnswer answer = ask_in_child([] {
    checked(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), "unshare");
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "20000 20009\n";
    std::ofstream("/proc/sys/net/ipv4/ip_local_reserved_ports") << "8080,19998-20001,20005,20009-20100\n";
    std::vector<UniqueFd> sockets;
    for (;;) {
      sockets.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
      const Endpoint any = Endpoint::ipv4(INADDR_ANY, 0);
      if (::bind(sockets.back().get(), any.address(), any.size()) != 0) break;
    }
    return fmt::format("{} counted, {} assigned", ephemeral_port_count(), sockets.size() - 1);
  });
  if (!answer.ok) GTEST_SKIP() << answer.text;
  EXPECT_EQ(answer.text, "6 counted, 6 assigned");
}

TEST(EphemeralPorts, ContainThePortThatTheKernelAssigns) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  const Endpoint any = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  ASSERT_EQ(::bind(socket.get(), any.address(), any.size()), 0);
  const uint16_t port = Endpoint::of_socket(socket.get()).port();
  const PortRange range = ephemeral_ports();
  EXPECT_GE(port, range.first);
  EXPECT_LE(port, range.last);
}

TEST(DescriptorLimit, IsOneMoreThanTheHighestDescriptor) {
  const ChildAnswer answer = ask_in_child([] {
    const rlimit limit{50, 60};
    checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    const Limit found = descriptor_limit();
    int last = -1;
    for (int fd; (fd = ::dup(STDIN_FILENO)) >= 0;) last = fd;
    return fmt::format("{} {} {}", found.value, last + 1, found.how_to_raise);
  });
  EXPECT_EQ(answer.text, "50 50 ulimit -n 60");
}

TEST(DescriptorLimit, IsRaisedToTheHardLimit) {
  const ChildAnswer answer = ask_in_child([] {
    const rlimit limit{50, 60};
    checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    const uint64_t raised = raise_descriptor_limit();
    return fmt::format("{} {}", raised, descriptor_limit().value);
  });
  EXPECT_EQ(answer.text, "60 60");
}

// Makes threads until the kernel refuses one. They end with the process.
uint64_t threads_allowed() {
  uint64_t made = 0;
  try {
    for (; made < 100; ++made) std::thread([] { ::pause(); }).detach();
  } catch (const std::system_error&) {  // EAGAIN: no more
  }
  return made;
}

TEST(ThreadLimit, NamesWhatBinds) {
  const Limit limit = thread_limit();
  EXPECT_GT(limit.value, 0u);
  EXPECT_FALSE(limit.name.empty());
  EXPECT_FALSE(limit.how_to_raise.empty());
  EXPECT_LE(limit.value, std::stoul(file_line("/proc/sys/kernel/threads-max")));
  EXPECT_LE(limit.value, std::stoul(file_line("/proc/sys/vm/max_map_count")) / 2);
}

TEST(ThreadLimit, OfAnOrdinaryUserIsWhatTheKernelAllows) {
  SKIP_UNDER_THREAD_SANITIZER();
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become a user without other processes";
  const ChildAnswer answer = ask_in_child([] {
    const rlimit limit{20, 20};
    checked(::setrlimit(RLIMIT_NPROC, &limit), "setrlimit");
    checked(::setresuid(54321, 54321, 54321), "setresuid");
    const Limit found = thread_limit();
    return fmt::format("{} {} {}", found.name, found.value, threads_allowed());
  });
  if (answer.text.starts_with("setresuid")) GTEST_SKIP() << answer.text;  // in a user namespace with one user
  EXPECT_EQ(answer.text, "RLIMIT_NPROC 19 19");
}

TEST(ThreadLimit, DoesNotHoldRootToAUsersLimit) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  const ChildAnswer answer = ask_in_child([] {
    const rlimit limit{1, 1};
    checked(::setrlimit(RLIMIT_NPROC, &limit), "setrlimit");
    const Limit found = thread_limit();
    std::thread([] {}).join();  // throws when root is not exempt
    return found.name;
  });
  ASSERT_TRUE(answer.ok) << answer.text;
  EXPECT_NE(answer.text, "RLIMIT_NPROC");
}

// A control group that allows `tasks`. It is removed with this object. path() is "" where none can be made.
class TaskGroup {
 public:
  explicit TaskGroup(int tasks) {
    for (const char* root : {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"}) {
      const std::string path = fmt::format("{}/connbench-test-{}", root, ::getpid());
      if (::mkdir(path.c_str(), 0755) != 0) continue;
      path_ = path;
      std::ofstream(path_ + "/pids.max") << tasks;
      if (file_line(path_ + "/pids.max") == std::to_string(tasks)) return;
      ::rmdir(path_.c_str());
      path_.clear();
    }
  }
  ~TaskGroup() { ::rmdir(path_.c_str()); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(ThreadLimit, OfAControlGroupIsWhatTheKernelAllows) {
  SKIP_UNDER_THREAD_SANITIZER();
  const TaskGroup group(8);
  if (group.path().empty()) GTEST_SKIP() << "no control group for tasks can be made here";
  const ChildAnswer answer = ask_in_child([&] {
    std::ofstream(group.path() + "/cgroup.procs") << ::getpid();
    const Limit found = thread_limit();
    return fmt::format("{} {} {}", found.name, found.value, threads_allowed());
  });
  EXPECT_EQ(answer.text, group.path() + "/pids.max 7 7");
}

TEST(TimerSlack, IsReadForThisThread) {
  const ChildAnswer answer = ask_in_child([] {
    ::prctl(PR_SET_TIMERSLACK, 12345);
    return std::to_string(timer_slack().count());
  });
  EXPECT_EQ(answer.text, "12345");
}

// Leaves this many connections in TIME_WAIT on the loopback device of a new network namespace.
void leave_in_time_wait(int connections) {
  const UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
  ifreq lo{};
  lo.ifr_name[0] = 'l';
  lo.ifr_name[1] = 'o';
  lo.ifr_flags = IFF_UP;
  checked(::ioctl(listener.get(), SIOCSIFFLAGS, &lo), "ioctl(SIOCSIFFLAGS)");
  checked(::listen(listener.get(), 1), "listen");
  const Endpoint address = Endpoint::ipv4(INADDR_LOOPBACK, Endpoint::of_socket(listener.get()).port());
  for (int i = 0; i < connections; ++i) {
    UniqueFd client(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
    checked(::connect(client.get(), address.address(), address.size()), "connect");
    const UniqueFd server(checked(::accept(listener.get(), nullptr, nullptr), "accept"));
    client.reset(-1);
    char byte;
    checked(static_cast<int>(::read(server.get(), &byte, 1)), "read");  // the client's FIN has arrived
  }
}

TEST(TimeWaitSockets, AreCountedInTheCurrentNetworkNamespace) {
  const ChildAnswer answer = ask_in_child([] {
    checked(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), "unshare");
    const int64_t before = time_wait_sockets();
    leave_in_time_wait(3);
    const TimePoint give_up = now() + std::chrono::seconds(10);
    int64_t after = before;
    while (after < 3 && now() < give_up) after = time_wait_sockets();
    return fmt::format("{} {}", before, after);
  });
  if (!answer.ok) GTEST_SKIP() << answer.text;
  EXPECT_EQ(answer.text, "0 3");
  EXPECT_GE(time_wait_sockets(), 0);
}

}  // namespace
}  // namespace connbench
