// S11: threads blocked in connect() until no more threads can be created.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <list>
#include <optional>
#include <random>

#include "harness/machine/kernel_timeout.h"
#include "harness/process/ask_in_child.h"
#include "harness/process/privileges.h"
#include "harness/support/proc_file.h"
#include "harness/support/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

constexpr rlim_t allowed = 200;    // threads on top of what this user already has
constexpr size_t too_many = 1000;  // reaching this many threads means that there is no limit
constexpr auto short_wait = 200ms;
constexpr size_t stack_bytes = 256 << 10;

// The work of one thread: connecting to `to` with its own timeout or the kernel's.
struct Work {
  Endpoint to;
  std::optional<Duration> limit;
  UniqueFd fd;
  std::atomic<size_t>& ended;  // number of threads that have ended
  pthread_t thread{};
};

void connect_and_wait(const Work& work) {
  if (!work.limit) {
    ::connect(work.fd.get(), work.to.address(), work.to.size());  // until the kernel gives up
    return;
  }
  ::fcntl(work.fd.get(), F_SETFL, O_NONBLOCK);
  ::connect(work.fd.get(), work.to.address(), work.to.size());
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(work.fd.get(), &writable);
  timeval limit{.tv_sec = 0, .tv_usec = *work.limit / 1us};
  ::select(work.fd.get() + 1, nullptr, &writable, nullptr, &limit);
}

void* run_thread(void* argument) {
  Work& work = *static_cast<Work*>(argument);
  connect_and_wait(work);
  ++work.ended;
  return nullptr;
}

class Crowd {
 public:
  ~Crowd() { join(); }

  /// Starts one more thread. Returns 0 or pthread_create()'s error; then nothing was started.
  int add(const Endpoint& to, std::optional<Duration> limit) {
    UniqueFd fd = tcp_socket();
    Work& work = works_.emplace_back(Work{to, limit, std::move(fd), ended_});
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_bytes);
    const int error = ::pthread_create(&work.thread, &attributes, run_thread, &work);
    ::pthread_attr_destroy(&attributes);
    if (error != 0) works_.pop_back();
    return error;
  }
  size_t size() const noexcept { return works_.size(); }
  /// The number of threads that have ended.
  size_t ended() const noexcept { return ended_; }
  /// Ends every connect(): shutdown() makes it fail with ECONNRESET, but has no effect on a thread that has not called
  /// it yet, so repeat until all have ended.
  void wake() {
    while (ended_ < works_.size()) {
      for (const Work& work : works_) ::shutdown(work.fd.get(), SHUT_RDWR);
      sleep_until(now() + 1ms);
    }
  }
  void join() {
    for (const Work& work : works_) ::pthread_join(work.thread, nullptr);
    works_.clear();
  }

 private:
  std::atomic<size_t> ended_{0};
  std::list<Work> works_{};
};

// How many processes and threads the kernel counts for this user, which is what RLIMIT_NPROC is compared with.
rlim_t tasks_of(uid_t user) {
  rlim_t tasks = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (leading_number(entry.path().filename().native()) < 0) continue;  // "self" is a duplicate
    const std::string status = read_text(entry.path() / "status").value_or("");
    if (number_after(status, "\nUid:\t") == static_cast<int64_t>(user))
      tasks += static_cast<rlim_t>(std::max<int64_t>(0, number_after(status, "\nThreads:\t")));
  }
  return tasks;
}

int64_t resident_kib() {
  return number_after(read_text("/proc/self/status").value_or(""), "VmRSS:");
}

// Makes sure that the limit applies to this process and returns how many tasks already count. Root is exempt and so
// becomes another user. Each user namespace has its own count: in a new one, no other tasks come and go.
rlim_t tasks_that_count() {
  if (::getuid() != 0) return ::unshare(CLONE_NEWUSER) == 0 ? 1 : tasks_of(::getuid());
  // A user ID that most likely nobody uses, not even another probe.
  const uid_t spare_user = 20'000 + std::random_device()() % 40'000;
  if (::setresuid(spare_user, spare_user, spare_user) != 0)
    throw NotTestable(
        fmt::format("root is exempt from RLIMIT_NPROC and cannot become another user here ({})", error_name(errno)));
  drop_capabilities();                 // an inherited securebit (no_setuid_fixup) would keep them, and the exemption
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // changing the user has reset the request to die with the parent
  return tasks_of(spare_user);
}

void limit_threads() {
  rlimit limit{};
  checked(::getrlimit(RLIMIT_NPROC, &limit), "getrlimit");
  limit.rlim_cur = std::min(tasks_that_count() + allowed, limit.rlim_max);
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

// How long until a connect to a host that answers gets a thread; nullopt when it gets none within `bound`.
std::optional<Duration> until_a_thread_is_free(const Endpoint& healthy, Duration bound) {
  const TimePoint began = now();
  Crowd one;
  while (now() - began < bound) {
    if (one.add(healthy, std::nullopt) == 0) return now() - began;
    sleep_until(now() + 2ms);
  }
  return std::nullopt;
}

// Runs in its own process, whose user and limits it changes.
Finding until_threads_run_out(const Surroundings& here, const Endpoint& silent, const Endpoint& healthy) {
  Finding finding;
  const auto kernels_limit = kernel_connect_timeout();  // of this network
  limit_threads();

  Crowd blocked;
  const int64_t before = resident_kib();
  const Filled stuck = fill(blocked, silent, std::nullopt);
  const auto each =
      static_cast<double>(resident_kib() - before) / static_cast<double>(std::max<size_t>(1, stuck.threads));
  sleep_until(now() + 2 * short_wait);
  const size_t by_themselves = blocked.ended();
  finding.saw(
      "blocking connects to {}, with room for {} threads under RLIMIT_NPROC: {} are stuck, then pthread_create() fails "
      "with {}; each costs {:.1f} KiB of resident memory and {} KiB of address space",
      here.silent_name(), allowed, stuck.threads, error_name(stuck.error), each, stack_bytes >> 10);
  // In the lab the kernel gives up soon (tcp_syn_retries is 1); elsewhere it takes minutes.
  const Duration bound = here.has_lab() ? patience : 500ms;
  const auto freed = until_a_thread_is_free(healthy, bound);
  finding.saw(
      "after {}, {} of them have ended; a connect to a host that answers gets a thread {}; the kernel gives up "
      "after {} here and after {} with the machine's own sysctls (both computed)",
      human_readable(2 * short_wait), by_themselves,
      freed ? "after " + human_readable(*freed + 2 * short_wait) : "not within " + human_readable(bound),
      kernels_limit ? human_readable(*kernels_limit) : "unknown",
      here.machine_gives_up() ? human_readable(*here.machine_gives_up()) : "unknown");
  blocked.wake();
  blocked.join();

  Crowd waiting;
  const TimePoint began = now();
  const Filled short_ones = fill(waiting, silent, short_wait);
  const auto freed_soon = until_a_thread_is_free(healthy, patience);
  const Duration soon = now() - began;
  while (waiting.ended() < waiting.size() && now() - began < patience) sleep_until(now() + 1ms);
  finding.saw(
      "non-blocking connects with a select() of {}: {} threads, then {}; a thread is free again after {}, all {} "
      "have ended by themselves after {}",
      human_readable(short_wait), short_ones.threads, error_name(short_ones.error),
      freed_soon ? human_readable(soon) : "no measured time", waiting.ended(), human_readable(now() - began));
  const bool so = stuck.error == EAGAIN && by_themselves == 0 && freed_soon && waiting.ended() == waiting.size();
  finding.verdict = so ? Verdict::confirmed : stuck.error == 0 ? Verdict::not_testable : Verdict::refuted;
  return finding;
}

Finding threads_run_out(Surroundings& here) {
  const Endpoint silent = here.silent();
  const Listener healthy = listen_on_loopback();
  const ChildAnswer answer = ask_in_child([&] {
    try {
      return to_text(until_threads_run_out(here, silent, healthy.at));
    } catch (const NotTestable& reason) {
      return to_text({Verdict::not_testable, {reason.what()}});
    }
  });
  if (!answer.ok) throw std::runtime_error(answer.text);
  return from_text(answer.text);
}

}  // namespace

extern const Entry S11;
const Entry S11{
    .id = "S11",
    .sentence =
        "A few hundred threads stuck in blocking connects use up the number the system allows, and creating more "
        "fails; with a non-blocking connect and a short select() threads become free again.",
    .source = "probe/exhaustion.cpp",
    .run = threads_run_out,
};

}  // namespace connbench::probes
