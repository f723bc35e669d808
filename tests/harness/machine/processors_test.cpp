#include "harness/machine/processors.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "harness/machine/interference.h"
#include "harness/machine/machine.h"
#include "harness/process/affinity.h"
#include "harness/process/ask_in_child.h"
#include "tests/support/refused_calls.h"

namespace connbench {
namespace {

TEST(OnlineCpus, AreAsManyAsTheSystemCounts) {
  const std::vector<int> cpus = online_cpus();
  EXPECT_EQ(cpus.size(), static_cast<size_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_TRUE(std::ranges::is_sorted(cpus));
}

TEST(AvailableCpus, AreThoseThatThisProcessIsConfinedTo) {
  const int last = available_cpus().back();
  const ChildAnswer answer = ask_in_child([last] {
    run_on(0, {&last, 1});
    return fmt::format("{} {} {}", available_cpus().size(), available_cpus().front(), suggested_cpus().has_value());
  });
  EXPECT_EQ(answer.text, fmt::format("1 {} false", last));
}

TEST(AvailableCpus, AreThoseThatAreOnlineWhereNobodySaysMore) {
  const ChildAnswer answer = ask_in_child([] {
    refuse(SYS_sched_getaffinity);
    return std::string(available_cpus() == online_cpus() ? "the same" : "others");
  });
  EXPECT_EQ(answer.text, online_cpus().empty() ? "others" : "the same");
}

TEST(SuggestedCpus, AreTwoOfThoseThatAreAvailable) {
  const std::vector<int> available = available_cpus();
  const auto suggested = suggested_cpus();
  ASSERT_EQ(suggested.has_value(), available.size() > 1);
  if (!suggested) return;
  EXPECT_THAT(available, testing::IsSupersetOf({suggested->client, suggested->server}));
  EXPECT_NE(suggested->client, suggested->server);
  EXPECT_EQ(suggested->text(), fmt::format("client={},server={}", suggested->client, suggested->server));
}

// A control group with half a processor. It is removed with this object. path() is "" where none can be made.
class HalfAProcessor {
 public:
  HalfAProcessor() {
    for (const std::string& parent : cgroups_of("cpu")) {
      path_ = fmt::format("{}/connbench-test-{}", parent, ::getpid());
      if (::mkdir(path_.c_str(), 0755) != 0) continue;
      std::ofstream(path_ + "/cpu.max") << "50000 100000";
      std::ofstream(path_ + "/cpu.cfs_quota_us") << 50000;
      if (::access((path_ + "/cpu.max").c_str(), F_OK) == 0 ||
          ::access((path_ + "/cpu.cfs_quota_us").c_str(), F_OK) == 0)
        return;
      ::rmdir(path_.c_str());
    }
    path_.clear();
  }
  ~HalfAProcessor() { ::rmdir(path_.c_str()); }
  HalfAProcessor(const HalfAProcessor&) = delete;
  HalfAProcessor& operator=(const HalfAProcessor&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(CpuQuota, IsThatOfTheControlGroup) {
  const HalfAProcessor group;
  if (group.path().empty()) GTEST_SKIP() << "no control group for processors can be made here";
  const ChildAnswer answer = ask_in_child([&] {
    std::ofstream(group.path() + "/cgroup.procs") << ::getpid();
    const auto quota = cpu_quota();
    return quota ? fmt::format("{} {}", quota->processors, quota->name.starts_with(group.path())) : "none";
  });
  EXPECT_EQ(answer.text, "0.5 true");
}

// A hundredth of a processor is soon used up, also on a busy machine.
TEST(CpuQuota, IsSaidOnceItHasStoppedTheProcess) {
  const HalfAProcessor group;
  if (group.path().empty()) GTEST_SKIP() << "no control group for processors can be made here";
  std::ofstream(group.path() + "/cpu.max") << "1000 100000";
  std::ofstream(group.path() + "/cpu.cfs_quota_us") << 1000;
  const ChildAnswer answer = ask_in_child([&] {
    std::ofstream(group.path() + "/cgroup.procs") << ::getpid();
    const InterferenceWatch watch;
    while (watch.seen().throttling.times == 0) {
    }
    return watch.seen().throttling.times < 0 ? std::string("not counted") : why_unfit(watch.seen()).back();
  });
  EXPECT_THAT(answer.text, testing::HasSubstr("the quota of 0.01 processors"));
}

}  // namespace
}  // namespace connbench
