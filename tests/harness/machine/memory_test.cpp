// The memory of the machine and of a cgroup.
#include "harness/machine/memory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "harness/process/ask_in_child.h"
#include "harness/support/proc_file.h"
#include "tests/support/sanitizer.h"

namespace connbench {
namespace {

TEST(Memory, OfTheMachineIsAnUpperBound) {
  const auto limit = memory_limit();
  const auto available = memory_available();
  ASSERT_TRUE(limit && available);
  const auto total = static_cast<uint64_t>(number_after(read_text("/proc/meminfo").value_or(""), "MemTotal:")) * 1024;
  EXPECT_LE(limit->value, total);
  EXPECT_LE(available->value, total);
  EXPECT_GT(available->value, 0U);
}

// A control group of version 1 or 2 that allows so many bytes; path() is "" where none can be made.
class MemoryGroup {
 public:
  explicit MemoryGroup(uint64_t bytes) {
    const std::pair<const char*, const char*> versions[] = {{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                                                            {"/sys/fs/cgroup", "memory.max"}};
    for (const auto& [root, file] : versions) {
      const std::string path = fmt::format("{}/connbench-test-{}", root, ::getpid());
      if (::mkdir(path.c_str(), 0755) != 0) continue;
      path_ = path;
      file_ = path + '/' + file;
      std::ofstream(file_) << bytes;
      if (read_text(file_) == std::to_string(bytes)) return;
      ::rmdir(path_.c_str());
      path_.clear();
    }
  }
  ~MemoryGroup() { ::rmdir(path_.c_str()); }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  const std::string& path() const { return path_; }
  const std::string& file() const { return file_; }

 private:
  std::string path_, file_;
};

TEST(Memory, OfAControlGroupCounts) {
  SKIP_UNDER_THREAD_SANITIZER();
  constexpr uint64_t bytes = 512 << 20;
  const MemoryGroup group(bytes);
  if (group.path().empty()) GTEST_SKIP() << "no control group for memory can be made here";
  const ChildAnswer answer = ask_in_child([&] {
    std::ofstream(group.path() + "/cgroup.procs") << ::getpid();
    const auto limit = memory_limit();
    const auto available = memory_available();
    const bool in_range = available->value > 0 && available->value <= bytes;
    return fmt::format("{} {} {} {}", limit->name, limit->value, available->name, in_range ? "free" : "odd");
  });
  EXPECT_EQ(answer.text, fmt::format("{0} {1} {0} free", group.file(), bytes));
}

}  // namespace
}  // namespace connbench
