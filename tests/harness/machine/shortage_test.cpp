#include "harness/machine/shortage.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "harness/machine/machine.h"
#include "harness/process/ask_in_child.h"
#include "tests/support/refused_calls.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::system_error error_of(int code, const char* call) {
  return {code, std::generic_category(), call};
}

TEST(Shortage, OfDescriptorsNamesTheirLimitAndHowToRaiseIt) {
  const ChildAnswer answer = ask_in_child([] {
    const rlimit limit{50, 60};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return with_remedy(error_of(EMFILE, "pipe2"));
  });
  EXPECT_EQ(answer.text, "pipe2: Too many open files. RLIMIT_NOFILE allows 50; to raise it: ulimit -n 60");
}

TEST(Shortage, OfAddressSpaceNamesItsLimit) {
  const ChildAnswer answer = ask_in_child([] {
    rlimit limit{};
    ::getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = std::min(limit.rlim_max, rlim_t{1} << 62U);  // sanitizers reserve terabytes
    ::setrlimit(RLIMIT_AS, &limit);
    return with_remedy(std::bad_alloc()) + " | " + with_remedy(error_of(ENOMEM, "mmap"));
  });
  EXPECT_THAT(answer.text, AllOf(StartsWith("out of memory. RLIMIT_AS, in KiB, allows "), HasSubstr("; to raise it: "),
                                 HasSubstr(" | mmap: Cannot allocate memory. RLIMIT_AS, in KiB, allows ")));
}

// What an ordinary user is told when these limits, in bytes, leave no room for a ring.
std::string advice_for_rings(rlim_t soft, rlim_t hard) {
  const ChildAnswer answer = ask_in_child([&] {
    constexpr uid_t some_user = 54'322;  // root is exempt
    if (::geteuid() == 0 && ::setuid(some_user) != 0) return std::string(std::strerror(errno));
    const rlimit limit{soft, hard};
    ::setrlimit(RLIMIT_MEMLOCK, &limit);
    return with_remedy(error_of(ENOMEM, "io_uring_queue_init"));
  });
  return answer.text;
}

TEST(Shortage, OfMemoryForRingsNamesTheLimitOfLockedMemory) {
  EXPECT_EQ(advice_for_rings(64 << 10, 64 << 10),
            "io_uring_queue_init: Cannot allocate memory. RLIMIT_MEMLOCK, in KiB for all rings of a user (Linux before "
            "5.12, and 6.18), allows 64; to raise it: as root: prlimit --pid $$ --memlock=unlimited:unlimited");
}

TEST(Shortage, WithinTheHardLimitIsEndedByUlimitWhichTakesKibibytes) {
  EXPECT_THAT(advice_for_rings(32 << 10, 64 << 10), testing::EndsWith("allows 32; to raise it: ulimit -l 64"));
}

TEST(Shortage, OfThreadsIsOneOnlyWhereThreadsOrProcessesAreMade) {
  EXPECT_THAT(with_remedy(error_of(EAGAIN, "fork")), HasSubstr(thread_limit().name));
  EXPECT_THAT(with_remedy(error_of(EAGAIN, "pthread_create")), HasSubstr("to raise it"));
  EXPECT_FALSE(remedy_for(error_of(EAGAIN, "connect")));
}

TEST(Shortage, OfASystemCallSaysThatTheKernelOrAContainerLacksIt) {
  EXPECT_THAT(with_remedy(error_of(ENOSYS, "pidfd_open")), HasSubstr("seccomp=unconfined"));
}

TEST(Shortage, OfNamespacesNamesTheirLimit) {
  EXPECT_THAT(with_remedy(error_of(ENOSPC, "unshare(CLONE_NEWNET)")), HasSubstr("user.max_net_namespaces"));
  EXPECT_FALSE(remedy_for(error_of(ENOSPC, "samples.csv")));
}

TEST(Shortage, IsNotWhatAnythingElseSays) {
  EXPECT_FALSE(remedy_for(error_of(EACCES, "open")));
  EXPECT_FALSE(remedy_for(std::runtime_error("Too many open files")));
  EXPECT_EQ(with_remedy(error_of(EACCES, "open")), "open: Permission denied");
}

// As under systemd's SystemCallFilter=~@resources.
TEST(DescriptorLimit, IsReadFromProcWhereGetrlimitIsRefused) {
  const uint64_t limit = descriptor_limit().value;
  const ChildAnswer answer = ask_in_child([] {
    refuse(SYS_prlimit64);
    return std::to_string(descriptor_limit().value);
  });
  EXPECT_EQ(answer.text, std::to_string(limit));
}

}  // namespace
}  // namespace connbench
