// S11: threads that sit in connect() until there are no more threads to be had.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <list>
#include <optional>

#include "harness/kernel_timeout.h"
#include "harness/proc_file.h"
#include "harness/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/words.h"

namespace connbench::probes_table {
namespace {

using namespace probe;
using namespace std::chrono_literals;

constexpr rlim_t allowed = 200;       // threads, beside what this user has already
constexpr size_t too_many = 1000;     // threads that would mean that there is no limit
constexpr uid_t spare_user = 54'323;  // nobody here: root is exempt from the limit, others are not
constexpr auto short_wait = 200ms;
constexpr size_t stack_bytes = 256 << 10;

// What one thread does: it connects to `to`, with a limit of its own or with the kernel's.
struct Work {
  Endpoint to;
  std::optional<Duration> limit;
  UniqueFd fd;
  pthread_t thread{};
};

void* connect_and_wait(void* argument) {
  const Work& work = *static_cast<Work*>(argument);
  if (!work.limit) {
    ::connect(work.fd.get(), work.to.address(), work.to.size());  // until the kernel gives up
    return nullptr;
  }
  ::fcntl(work.fd.get(), F_SETFL, O_NONBLOCK);
  ::connect(work.fd.get(), work.to.address(), work.to.size());
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(work.fd.get(), &writable);
  timeval limit{.tv_sec = 0, .tv_usec = *work.limit / 1us};
  ::select(work.fd.get() + 1, nullptr, &writable, nullptr, &limit);
  return nullptr;  // 0 or 1: this thread is free again
}

class Crowd {
 public:
  ~Crowd() { join(); }

  /// 0, or pthread_create()'s error: nothing was started then.
  int add(const Endpoint& to, std::optional<Duration> limit) {
    UniqueFd fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    Work& work = works_.emplace_back(Work{to, limit, std::move(fd)});
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_bytes);
    const int error = ::pthread_create(&work.thread, &attributes, connect_and_wait, &work);
    ::pthread_attr_destroy(&attributes);
    if (error != 0) works_.pop_back();
    return error;
  }
  size_t size() const noexcept { return works_.size(); }
  /// Wakes those that sit in connect(): shutdown() ends it with ECONNRESET.
  void wake() {
    for (const Work& work : works_) ::shutdown(work.fd.get(), SHUT_RDWR);
  }
  void join() {
    for (const Work& work : works_) ::pthread_join(work.thread, nullptr);
    works_.clear();
  }

 private:
  std::list<Work> works_;
};

// How many processes and threads the kernel counts for this user: the limit is held against that.
rlim_t tasks_of(uid_t user) {
  rlim_t tasks = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (leading_number(entry.path().filename().native()) < 0) continue;  // "self" is one of the others
    const std::string status = read_text(entry.path() / "status").value_or("");
    if (number_after(status, "\nUid:\t") == static_cast<int64_t>(user))
      tasks += static_cast<rlim_t>(std::max<int64_t>(0, number_after(status, "\nThreads:\t")));
  }
  return tasks;
}

int64_t resident_kib() {
  return number_after(read_text("/proc/self/status").value_or(""), "VmRSS:");
}

void limit_threads() {
  if (::getuid() == 0 && ::setresuid(spare_user, spare_user, spare_user) != 0)
    throw NotTestable(
        fmt::format("root is exempt from RLIMIT_NPROC, and cannot become another user ({})", error_name(errno)));
  const rlim_t most = tasks_of(::getuid()) + allowed;
  rlimit limit{};
  checked(::getrlimit(RLIMIT_NPROC, &limit), "getrlimit");
  limit.rlim_cur = std::min(most, limit.rlim_max);
  checked(::setrlimit(RLIMIT_NPROC, &limit), "setrlimit(RLIMIT_NPROC)");
}

struct Filled {
  size_t threads;
  int error;  // of the pthread_create() that failed
};
Filled fill(Crowd& crowd, const Endpoint& silent, std::optional<Duration> limit) {
  int error = 0;
  while (error == 0 && crowd.size() < too_many) error = crowd.add(silent, limit);
  return {crowd.size(), error};
}

// How long until a connect to a host that answers gets a thread.
std::optional<Duration> until_a_thread_is_free(const Endpoint& healthy, Duration bound) {
  const TimePoint began = now();
  Crowd one;
  while (now() - began < bound) {
    if (one.add(healthy, std::nullopt) == 0) return now() - began;
    sleep_until(now() + 2ms);
  }
  return std::nullopt;
}

Finding threads_run_out(Surroundings& here) {
  Finding finding;
  const Endpoint silent = here.silent();
  const Listener healthy = listen_on_loopback();
  const auto kernels_limit = kernel_connect_timeout();  // of this network
  limit_threads();

  Crowd blocked;
  const int64_t before = resident_kib();
  const Filled stuck = fill(blocked, silent, std::nullopt);
  const double each =
      stuck.threads > 0 ? static_cast<double>(resident_kib() - before) / static_cast<double>(stuck.threads) : 0;
  finding.saw(
      "blocking connects to {}, RLIMIT_NPROC leaves room for {} threads: {} are stuck, then pthread_create() "
      "fails with {}; each costs {:.1f} KiB of resident memory and {} KiB of address space",
      here.silent_name(), allowed, stuck.threads, error_name(stuck.error), each, stack_bytes >> 10);
  // In the lab the kernel gives up soon (tcp_syn_retries is 1 there); elsewhere that would take minutes.
  const Duration bound = here.has_lab() ? patience : 500ms;
  const auto freed = until_a_thread_is_free(healthy.at, bound);
  finding.saw(
      "a connect to a host that answers gets a thread {}; the kernel gives up after {} here, after {} with the "
      "machine's own sysctls (both computed)",
      freed ? "after " + humane(*freed) : "not within " + humane(bound),
      kernels_limit ? humane(*kernels_limit) : "unknown",
      here.machine_gives_up() ? humane(*here.machine_gives_up()) : "unknown");
  blocked.wake();
  blocked.join();

  Crowd waiting;
  const TimePoint began = now();
  const Filled short_ones = fill(waiting, silent, short_wait);
  const auto freed_soon = until_a_thread_is_free(healthy.at, patience);
  finding.saw(
      "non-blocking connects and a select() of {}: {} threads, then {}; a thread is free again after {}, all by "
      "themselves",
      humane(short_wait), short_ones.threads, error_name(short_ones.error),
      freed_soon ? humane(now() - began) : "nothing");
  const bool so = stuck.error == EAGAIN && (!freed || *freed > 2 * short_wait) && freed_soon && *freed_soon < 2s;
  finding.verdict = so ? Verdict::confirmed : stuck.error == 0 ? Verdict::not_testable : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S11;
const Entry S11{
    .id = "S11",
    .sentence =
        "Some hundred threads that are stuck in blocking connects use up what the system allows, and new threads "
        "fail; with a non-blocking connect and a short select() they free themselves.",
    .source = "probe/exhaustion.cpp",
    .run = threads_run_out,
};

}  // namespace connbench::probes_table
