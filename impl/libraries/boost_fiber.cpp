// A Boost.Fiber for each attempt, which calls connect() and suspends until its socket is ready. Choose it for a cheap
// version of a thread per connection: the code reads as if it blocked, each attempt has a stack, and a single thread
// runs a scheduler that waits in epoll.
#include <errno.h>
#include <fmt/format.h>
#include <sys/epoll.h>

#include <array>
#include <boost/fiber/algo/round_robin.hpp>
#include <boost/fiber/condition_variable.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/fixedsize_stack.hpp>
#include <boost/fiber/mutex.hpp>
#include <boost/fiber/operations.hpp>
#include <boost/version.hpp>
#include <climits>
#include <deque>
#include <mutex>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"
#include "impl/sockets/begin_connect.h"

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define CONNBENCH_THREAD_SANITIZER
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define CONNBENCH_THREAD_SANITIZER
#endif

namespace connbench::connectors {
namespace {

namespace fibers = boost::fibers;

class BoostFiber final : public LibraryConnector {
 public:
  explicit BoostFiber(const ConnectorSettings& settings)
      : LibraryConnector(settings),
        epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        stack_(settings.options.size("stack")),
        slots_(settings.max_in_flight) {
    for (Slot& slot : slots_) adopt(slot);
    fibers::use_scheduling_algorithm<EpollScheduler>(*this);
  }

  // The scheduler frees fibers that have ended, once it runs.
  ~BoostFiber() override {
    shut_down();
    boost::this_fiber::yield();
    fibers::use_scheduling_algorithm<fibers::algo::round_robin>();
  }

  Capabilities capabilities() const override { return {.granularity = std::chrono::milliseconds(1)}; }

 private:
  struct Slot : InFlight {
    Attempt attempt{};
    fibers::mutex mutex;
    fibers::condition_variable woken;
    uint32_t events = 0;
    int wait_error = 0;
    bool cancelled = false;
  };

  // Runs fibers in turn. When none can run, it waits in epoll.
  class EpollScheduler final : public fibers::algo::round_robin {
   public:
    explicit EpollScheduler(BoostFiber& owner) : owner_(owner) {}
    void suspend_until(const std::chrono::steady_clock::time_point& time) noexcept override { owner_.wait(time); }
    void notify() noexcept override {}  // only needed for wake-ups from other threads

   private:
    BoostFiber& owner_;
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.attempt = attempt;
    slot.cancelled = false;
    try {
      fibers::fiber(std::allocator_arg, fibers::fixedsize_stack(stack_), [this, &slot] { connect(slot); }).detach();
    } catch (const std::bad_alloc&) {  // while allocating its stack
      decide(slot, {.call = Call::pthread_create, .error = ENOMEM});
      ended(slot);
    }
  }

  void connect(Slot& slot) {
    if (slot.cancelled) {
      slot.completion.result.outcome = Outcome::never_started;
    } else {
      Begun begun = begin_connect(slot.attempt, setup());
      slot.completion.started = begun.started;
      decide(slot, begun.pending() ? wait_for(slot, begun) : begun.evidence);
      retirement().retire(std::move(begun.fd), slot.completion);
    }
    ended(slot);
    something_ended_ = true;
    reaper_.notify_one();
  }

  Evidence wait_for(Slot& slot, const Begun& begun) {
    epoll_event event{.events = EPOLLOUT | EPOLLONESHOT, .data = {.ptr = &slot}};
    for (int operation = EPOLL_CTL_ADD;; operation = EPOLL_CTL_MOD) {
      slot.events = 0;
      slot.wait_error = 0;
      if (::epoll_ctl(epoll_.get(), operation, begun.fd.get(), &event) != 0)
        return {.call = Call::wait, .error = errno};
      std::unique_lock lock(slot.mutex);
      const bool in_time = slot.woken.wait_until(lock, begun.started + slot.attempt.timeout, [&slot] {
        return slot.events != 0 || slot.wait_error != 0 || slot.cancelled;
      });
      if (slot.cancelled) return {.call = Call::wait, .cancelled = true};
      if (slot.wait_error != 0) return {.call = Call::wait, .error = slot.wait_error};
      if (!in_time) return {.call = Call::wait, .deadline_passed = true};
      const Evidence evidence = end_connect(begun.fd.get(), slot.family);
      // ICMP wakes a waiting fiber a moment before SO_ERROR is set. In that case wait again.
      if (evidence.error != 0 || (slot.events & EPOLLOUT) != 0) return evidence;
    }
  }

  void give_up(InFlight& in_flight) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.cancelled = true;
    slot.woken.notify_one();
  }

  void run_loop(TimePoint wake) override {
    something_ended_ = false;
    if (wake == at_once) {
      wait(at_once);
      boost::this_fiber::yield();
    } else {
      std::unique_lock lock(mutex_);
      reaper_.wait_until(lock, wake, [this] { return something_ended_; });
    }
  }

  // Wakes the fibers whose sockets are ready. When the wait fails, nothing more can be learnt about any attempt, so it
  // wakes them all.
  void wait(TimePoint until) noexcept {
    const int64_t wait = until == at_once ? 0 : milliseconds_until(until);
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                   static_cast<int>(std::min<int64_t>(wait, INT_MAX)));
    const int error = errno;
    if (count < 0 && error != EINTR) {
      for (Slot& slot : slots_) {
        slot.wait_error = error;
        slot.woken.notify_one();
      }
    }
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events_[static_cast<size_t>(i)];
      auto& slot = *static_cast<Slot*>(event.data.ptr);
      slot.events = event.events;
      slot.woken.notify_one();
    }
  }

  UniqueFd epoll_;
  size_t stack_;
  std::array<epoll_event, 256> events_{};
  std::deque<Slot> slots_;
  fibers::mutex mutex_;
  fibers::condition_variable reaper_;  // the fiber in reap()
  bool something_ended_ = false;
};

std::optional<std::string> probe([[maybe_unused]] const ConnectorSettings& settings) {
#ifdef CONNBENCH_THREAD_SANITIZER
  return "ThreadSanitizer does not support the stack switching of Boost.Fiber";
#else
  if (const size_t least = fibers::fixedsize_stack::traits_type::minimum_size(); settings.options.size("stack") < least)
    return fmt::format("a fiber needs a stack of at least {} bytes", least);
  return probe_socket_setup(settings);
#endif
}

constexpr OptionSpec own_options[] = {
    {.name = "stack",
     .kind = OptionSpec::Kind::size,
     .choices = {},
     .default_value = "64KiB",
     .help = "stack size of each fiber",
     .least = "16KiB",
     .most = "1GiB"},
};
constexpr auto options = with_socket_options(own_options);

}  // namespace

extern const ConnectorEntry boost_fiber;
const ConnectorEntry boost_fiber{
    .name = "boost-fiber",
    .summary = "one thread; a Boost.Fiber per attempt, suspended while it connects",
    .options = options,
    .probe = probe,
    .make = make_connector<BoostFiber>,
    .library = []() -> Library {
      return {"boost",
              fmt::format("{}.{}.{}", BOOST_VERSION / 100'000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100), false};
    },
    .group = "libraries",
};

}  // namespace connbench::connectors
