// State Threads: a thread of its own kind for each attempt, which calls st_connect() and is suspended until it returns.
// Choose it only where it is there already (media servers use it): its last release is of 2009, and it is C's oldest
// form of what Boost.Fiber does for C++.
//
// Its traps: one scheduler for the whole process, in the thread that called st_init(), so that it cannot be divided
// into shards; st_init() raises RLIMIT_NOFILE to its hard limit and ignores SIGPIPE; its clock is gettimeofday(), which
// may be set, unless it gets another; by default it waits with select(), and then st_init() lowers the hard limit of
// descriptors to 1,024 for good (Debian's has poll() instead, and no epoll); and a timeout counts from when the
// scheduler last looked at that clock, so it may end early by as long as other threads have run since. Here it gets
// CLOCK_MONOTONIC, and timeouts are corrected by that. Its scheduler rounds the time that it waits down to whole
// milliseconds, and then asks poll() again and again until a thread is due: punctual, and busy. And st_connect() takes
// any event without SO_ERROR for a connection.
#include <errno.h>
#include <signal.h>
#include <st.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <thread>

#include "harness/connector/make_connector.h"
#include "harness/support/sanitized.h"
#include "impl/libraries/library_connector.h"

namespace connbench::connectors {
namespace {

using std::chrono::microseconds;

st_utime_t to_utime(TimePoint time) {
  return static_cast<st_utime_t>(std::chrono::ceil<microseconds>(time.time_since_epoch()).count());
}
st_utime_t monotonic_clock() {
  return static_cast<st_utime_t>(std::chrono::floor<microseconds>(now().time_since_epoch()).count());
}

// From when the scheduler last looked at its clock.
st_utime_t until(TimePoint time) {
  const st_utime_t wanted = to_utime(time);
  const st_utime_t last = ::st_utime_last_clock();
  return wanted > last ? wanted - last : 0;
}

// Once in a process. What st_init() changes besides is put back.
void initialise() {
  rlimit limit{};
  struct sigaction pipe {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  ::sigaction(SIGPIPE, nullptr, &pipe);
  ::st_set_utime_function(monotonic_clock);
  ::st_set_eventsys(ST_EVENTSYS_ALT);  // leaves all as it is where the library was built without epoll
  if (::st_get_eventsys() != ST_EVENTSYS_ALT) ::st_set_eventsys(ST_EVENTSYS_POLL);
  if (::st_init() != 0) throw std::system_error(errno, std::generic_category(), "st_init");
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::sigaction(SIGPIPE, &pipe, nullptr);
}

void require_scheduler() {
  static const std::thread::id its_thread = [] {
    initialise();
    return std::this_thread::get_id();
  }();
  if (its_thread != std::this_thread::get_id())
    throw std::system_error(EBUSY, std::generic_category(), "st_init: its scheduler belongs to another thread");
}

class StateThreads final : public LibraryConnector {
 public:
  explicit StateThreads(const ConnectorSettings& settings)
      : LibraryConnector(settings), stack_(settings.options.size("stack")), slots_(settings.max_in_flight) {
    require_scheduler();
    something_ended_ = ::st_cond_new();
    if (something_ended_ == nullptr) throw std::system_error(ENOMEM, std::generic_category(), "st_cond_new");
    for (Slot& slot : slots_) {
      slot.owner = this;
      adopt(slot);
    }
  }
  // Threads that have ended are freed once the scheduler runs.
  ~StateThreads() override {
    shut_down();
    ::st_usleep(0);
    ::st_cond_destroy(something_ended_);
  }

  // It waits in whole milliseconds.
  Capabilities capabilities() const override { return {.granularity = std::chrono::milliseconds(1)}; }

 private:
  struct Slot : InFlight {
    StateThreads* owner = nullptr;
    Attempt attempt{};
    st_thread_t thread = nullptr;
    bool cancelled = false;
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.attempt = attempt;
    slot.cancelled = false;
    slot.thread = ::st_thread_create(run, &slot, 0, static_cast<int>(stack_));
    if (slot.thread != nullptr) return;
    decide(slot, {.call = Call::pthread_create, .error = ENOMEM});
    ended(slot);
  }

  static void* run(void* context) {
    auto& slot = *static_cast<Slot*>(context);
    if (slot.cancelled)
      slot.completion.result.outcome = Outcome::never_started;
    else
      slot.owner->connect(slot);
    slot.decided = true;
    slot.owner->ended(slot);
    ::st_cond_signal(slot.owner->something_ended_);
    return nullptr;
  }

  void connect(Slot& slot) {
    const Endpoint& to = slot.attempt.endpoints.front();
    slot.completion.started = now();
    UniqueFd fd(setup().open(to.family(), SOCK_CLOEXEC));  // its scheduler makes it non-blocking
    if (!fd) return decide(slot, {.call = Call::socket, .error = errno});
    if (const Evidence prepared = setup().prepare(fd.get(), to.family()); prepared.error != 0)
      return decide(slot, prepared);
    const st_netfd_t watched = ::st_netfd_open_socket(fd.get());
    if (watched == nullptr) return decide(slot, {.call = Call::socket, .error = errno});
    const st_utime_t timeout = until(slot.completion.started + slot.attempt.timeout);
    const int result = ::st_connect(watched, to.address(), static_cast<int>(to.size()), timeout);
    decide(slot, evidence_of(result == 0 ? 0 : errno, slot));
    ::st_netfd_free(watched);  // leaves the socket open
    retirement().retire(std::move(fd), slot.completion);
  }

  static Evidence evidence_of(int error, const Slot& slot) {
    if (error == ETIME) return {.call = Call::wait, .deadline_passed = true};
    if (error == EINTR && slot.cancelled) return {.call = Call::wait, .cancelled = true};
    return {.call = call_that_reported(error, slot.family), .error = error};
  }

  void give_up(InFlight& in_flight) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.cancelled = true;
    ::st_thread_interrupt(slot.thread);
  }

  // Lets the other threads run. With nothing to wait for, a sleep of no length looks at all sockets once.
  void run_loop(TimePoint wake) override {
    if (wake == at_once)
      ::st_usleep(0);
    else
      ::st_cond_timedwait(something_ended_, wake == TimePoint::max() ? ST_UTIME_NO_TIMEOUT : until(wake));
  }

  size_t stack_;
  std::deque<Slot> slots_;
  st_cond_t something_ended_ = nullptr;
};

std::optional<std::string> probe([[maybe_unused]] const ConnectorSettings& settings) {
  if (thread_sanitizer) return "ThreadSanitizer does not support the stack switching of State Threads";
  return probe_socket_setup(settings);
}

constexpr OptionSpec own_options[] = {
    {.name = "stack",
     .kind = OptionSpec::Kind::size,
     .choices = {},
     .default_value = "64KiB",
     .help = "stack size of each of its threads",
     .least = "16KiB",
     .most = "1GiB"},
};
constexpr auto options = with_unrepeated_socket_options(own_options);

}  // namespace

extern const ConnectorEntry state_threads;
const ConnectorEntry state_threads{
    .name = "state-threads",
    .summary = "State Threads: st_connect() in a thread of its scheduler per attempt",
    .options = options,
    .probe = probe,
    .make = make_connector<StateThreads>,
    .library = []() -> Library {
      return {"state-threads", ST_VERSION, true};
    },
    .group = "libraries",
    .one_per_process = true,
};

}  // namespace connbench::connectors
