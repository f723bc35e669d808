#include "harness/wave/sample.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <system_error>

#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

size_t pages_of(size_t attempts) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return (attempts * sizeof(Sample) + page - 1) / page;
}

// How many pages of `samples` this process can write without a page fault (bit 63 of /proc/self/pagemap: present).
size_t mapped_pages(std::span<const Sample> samples) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<uint64_t> entries(pages_of(samples.size()));
  const UniqueFd fd(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  const auto offset = reinterpret_cast<uintptr_t>(samples.data()) / page * sizeof(uint64_t);
  if (::pread(fd.get(), entries.data(), entries.size() * sizeof(uint64_t), static_cast<off_t>(offset)) < 0) return 0;
  return static_cast<size_t>(std::count_if(entries.begin(), entries.end(), [](uint64_t e) { return e >> 63; }));
}

// Runs `body` in a child. @return whether it returned true
template <typename Body>
bool in_child(Body body) {
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  checked(::waitpid(child, &status, 0), "waitpid");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// From here on madvise() fails with EINVAL, as an old kernel does for unknown advice.
bool forbid_madvise() {
  sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {std::size(filter), filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(SampleBuffer, BeginsEmpty) {
  SampleBuffer buffer(1000);
  ASSERT_EQ(buffer.samples().size(), 1000U);
  for (const Sample& s : buffer.samples()) {
    EXPECT_EQ(s.started_ns, 0);
    EXPECT_EQ(s.state, Sample::State::offered);
  }
}

TEST(SampleBuffer, MayBeEmpty) {
  EXPECT_TRUE(SampleBuffer(0).samples().empty());
}

TEST(SampleBuffer, KeepsWhatAKilledChildHadWritten) {
  SampleBuffer buffer(10);
  EXPECT_FALSE(in_child([&] {
    buffer.samples()[9].finished_ns = 42;
    return ::raise(SIGKILL) == 0;
  }));
  EXPECT_EQ(buffer.samples()[9].finished_ns, 42);
}

// Sample 256 begins on the first byte of a page, which populate() touches.
TEST(SampleBuffer, PopulateMapsEveryPageAndKeepsTheContent) {
  SampleBuffer buffer(10'000);
  ASSERT_EQ(mapped_pages(buffer.samples()), 0U);
  buffer.samples()[256].scheduled_ns = 7;
  buffer.populate();
  EXPECT_EQ(mapped_pages(buffer.samples()), pages_of(10'000));
  EXPECT_EQ(buffer.samples()[256].scheduled_ns, 7);
}

TEST(SampleBuffer, PopulateWorksOnKernelsWithoutMadvPopulateWrite) {
  SampleBuffer buffer(10'000);
  buffer.samples()[256].scheduled_ns = 7;
  EXPECT_TRUE(in_child([&] {
    if (!forbid_madvise()) return false;
    buffer.populate();
    return mapped_pages(buffer.samples()) == pages_of(10'000);
  }));
  EXPECT_EQ(buffer.samples()[256].scheduled_ns, 7);
}

TEST(SampleBuffer, NamesTheCallThatFailed) {
  for (size_t attempts : {std::numeric_limits<size_t>::max(), size_t{1} << 48}) {
    try {
      SampleBuffer buffer(attempts);
      ADD_FAILURE() << "mapped";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::not_enough_memory);
      EXPECT_NE(std::string_view(e.what()).find("mmap"), std::string_view::npos);
    }
  }
}

}  // namespace
}  // namespace connbench
