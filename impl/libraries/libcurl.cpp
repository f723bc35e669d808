// libcurl: an easy handle for each attempt, CURLOPT_CONNECT_ONLY and CURLOPT_CONNECTTIMEOUT_MS, driven by the multi
// interface over an epoll. Choose it where the rest of the program uses curl too. An attempt is a URL, so parsing it is
// part of what is measured. curl itself closes a socket that did not connect, so it has no TCP_INFO. It races the
// addresses of a host: the other family's begin CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS (200 ms) after the first one's.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <deque>

#include "harness/connector/make_connector.h"
#include "impl/libraries/curl_handle.h"

namespace connbench::connectors {
namespace {

template <class T>
T* not_null(T* object, const char* call) {
  if (object == nullptr) throw std::system_error(ENOMEM, std::generic_category(), call);
  return object;
}

struct FreeMulti {
  void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
};

class Libcurl final : public LibraryConnector {
 public:
  explicit Libcurl(const ConnectorSettings& settings)
      : LibraryConnector(settings),
        epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        multi_(not_null(::curl_multi_init(), "curl_multi_init")),
        slots_(settings.max_in_flight) {
    ::curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, watch);
    ::curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    ::curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, set_timer);
    ::curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    for (Slot& slot : slots_) {
      not_null(slot.easy.get(), "curl_easy_init");
      slot.easy.open_sockets_by(setup());
      slot.easy.set(CURLOPT_PRIVATE, static_cast<void*>(&slot));
      adopt(slot);
    }
  }
  ~Libcurl() override { shut_down(); }

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer,
            .granularity = std::chrono::milliseconds(1),
            .early = curl_early,
            .uses_all_endpoints = true};
  }

 private:
  struct Slot : InFlight {
    CurlHandle easy;
  };

  // curl counts the timeout from the moment at which it receives the handle, so the attempt starts there.
  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.completion.started = now();
    slot.easy.aim(attempt.endpoints, attempt.timeout);
    if (const CURLMcode refused = ::curl_multi_add_handle(multi_.get(), slot.easy.get()); refused != CURLM_OK) {
      decide(slot, {.call = Call::wait, .error = ENOMEM});
      return ended(slot);
    }
    act(CURL_SOCKET_TIMEOUT, 0);
  }

  // Lets curl process an event on a socket or a timeout, and collects the attempts that have ended.
  void act(curl_socket_t fd, int happened) {
    int running = 0;
    ::curl_multi_socket_action(multi_.get(), fd, happened, &running);
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Slot& slot = *slot_of(message->easy_handle);
      finish(slot, slot.easy.evidence_of(message->data.result, slot.family));
    }
    for (; !unwatched_.empty(); unwatched_.pop_back()) {
      auto& [slot, error] = unwatched_.back();
      if (slot == nullptr)
        end_all(error);
      else if (!slot->decided)
        finish(*slot, {.call = Call::wait, .error = error});
    }
  }

  // nullptr: a handle of curl's own, which newer versions have for what belongs to no transfer.
  static Slot* slot_of(CURL* easy) {
    void* slot = nullptr;
    ::curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
    return static_cast<Slot*>(slot);
  }

  void give_up(InFlight& in_flight) override {
    finish(static_cast<Slot&>(in_flight), {.call = Call::wait, .cancelled = true});
  }

  // Removing the handle makes curl close a connected socket. It has closed a failed one before.
  void finish(Slot& slot, const Evidence& evidence) {
    decide(slot, evidence);
    ::curl_multi_remove_handle(multi_.get(), slot.easy.get());
    retirement().retire(slot.easy.take_closed(), slot.completion);
    ended(slot);
  }

  // Returning an error would break all handles for good, so an attempt that cannot be watched is ended after curl has
  // returned.
  static int watch(CURL* easy, curl_socket_t fd, int what, void* connector, void* known) {
    auto& self = *static_cast<Libcurl*>(connector);
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(self.epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // fails when curl has closed it already
      return 0;
    }
    epoll_event event{.events = 0, .data = {.fd = fd}};
    if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
    if (::epoll_ctl(self.epoll_.get(), known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0)
      self.unwatched_.emplace_back(slot_of(easy), errno);
    else if (known == nullptr)
      ::curl_multi_assign(self.multi_.get(), fd, connector);
    return 0;
  }

  static int set_timer(CURLM*, long milliseconds, void* connector) {
    static_cast<Libcurl*>(connector)->due_ =
        milliseconds < 0 ? TimePoint::max() : now() + std::chrono::milliseconds(milliseconds);
    return 0;
  }

  // When the wait fails, or curl's own socket cannot be watched, nothing more can be learnt of those in flight.
  void end_all(int error) {
    for (Slot& slot : slots_)
      if (slot.open && !slot.decided) finish(slot, {.call = Call::wait, .error = error});
  }

  void run_loop(TimePoint wake) override {
    const TimePoint until = std::min(wake, due_);
    const int64_t wait = until == at_once ? 0 : std::min<int64_t>(milliseconds_until(until), INT_MAX);
    const int count =
        ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), static_cast<int>(wait));
    if (count < 0 && errno != EINTR) return end_all(errno);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events_[static_cast<size_t>(i)];
      int happened = 0;
      if ((event.events & EPOLLIN) != 0) happened |= CURL_CSELECT_IN;
      if ((event.events & EPOLLOUT) != 0) happened |= CURL_CSELECT_OUT;
      if ((event.events & EPOLLERR) != 0) happened |= CURL_CSELECT_ERR;
      act(event.data.fd, happened);
    }
    if (now() >= due_) act(CURL_SOCKET_TIMEOUT, 0);
  }

  UniqueFd epoll_;
  TimePoint due_ = TimePoint::max();  // when curl wants to be called for its timeouts
  std::array<epoll_event, 64> events_{};
  std::vector<std::pair<Slot*, int>> unwatched_;  // with the errno of epoll_ctl()
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::deque<Slot> slots_;
};

}  // namespace

extern const ConnectorEntry libcurl;
const ConnectorEntry libcurl{
    .name = "libcurl",
    .summary = "libcurl: CONNECT_ONLY with the multi interface over epoll",
    .options = unrepeated_socket_options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      require_curl();
      return std::make_unique<Libcurl>(settings);
    },
    .library = curl_library,
    .group = "libraries",
};

}  // namespace connbench::connectors
