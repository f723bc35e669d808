// libcurl: an easy handle for each attempt, CURLOPT_CONNECT_ONLY and CURLOPT_CONNECTTIMEOUT_MS, driven by the multi
// interface over an epoll. Choose it where the rest of the program speaks through curl, too. An attempt is a URL: what
// is measured includes taking it apart. A socket that did not connect curl closes by itself: there is no TCP_INFO of
// it.
#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <deque>

#include "impl/libraries/library_connector.h"

namespace connbench::connectors {
namespace {

// curl wants its global state to be made once, before anything else of it, and by one thread.
void require_curl() {
  static const CURLcode made = ::curl_global_init(CURL_GLOBAL_NOTHING);
  if (made != CURLE_OK) throw std::system_error(ENOMEM, std::generic_category(), "curl_global_init");
}

template <class T>
T* made(T* object, const char* call) {
  if (object == nullptr) throw std::system_error(ENOMEM, std::generic_category(), call);
  return object;
}

struct Free {
  void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
};

class Libcurl final : public LibraryConnector {
 public:
  explicit Libcurl(const ConnectorSettings& settings)
      : LibraryConnector(settings),
        epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        multi_(made(::curl_multi_init(), "curl_multi_init")),
        slots_(settings.max_in_flight) {
    ::curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, watch);
    ::curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    ::curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, set_timer);
    ::curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    for (Slot& slot : slots_) {
      slot.easy.reset(made(::curl_easy_init(), "curl_easy_init"));
      configure(slot);
      adopt(slot);
    }
  }
  ~Libcurl() override { shut_down(); }

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer, .granularity = std::chrono::milliseconds(1)};
  }

 private:
  struct Slot : InFlight {
    std::unique_ptr<CURL, Free> easy;
    UniqueFd closed{-1};  // the socket that curl has done with
  };

  static void configure(Slot& slot) {
    CURL* const easy = slot.easy.get();
    ::curl_easy_setopt(easy, CURLOPT_PRIVATE, static_cast<void*>(&slot));
    ::curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(easy, CURLOPT_PROXY, "");  // whatever the environment says
    ::curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    ::curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, take_over);
    ::curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&slot));
  }

  // curl's clock starts when it takes the handle up, and so does the attempt: its timeout is counted from there.
  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    CURL* const easy = slot.easy.get();
    slot.completion.started = now();
    address(easy, attempt.endpoints.front());
    ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(whole_milliseconds(attempt.timeout)));
    if (const CURLMcode refused = ::curl_multi_add_handle(multi_.get(), easy); refused != CURLM_OK) {
      decide(slot, {.call = Call::wait, .error = ENOMEM});
      return ended(slot);
    }
    act(CURL_SOCKET_TIMEOUT, 0);
  }

  // A numeric host is not looked up; of a UNIX socket the URL says nothing.
  static void address(CURL* easy, const Endpoint& to) {
    const std::string name = to.to_string();
    const bool is_unix = to.family() == AF_UNIX;
    const bool is_abstract = is_unix && name.starts_with(abstract_prefix);
    const char* const abstract = is_abstract ? name.c_str() + abstract_prefix.size() : nullptr;
    const char* const path = is_unix && !is_abstract ? name.c_str() + unix_prefix.size() : nullptr;
    std::array<char, 80> url{};  // the longest is that of an IPv6 address, 61
    fmt::format_to_n(url.data(), url.size() - 1, "http://{}/", is_unix ? "localhost" : name);
    ::curl_easy_setopt(easy, CURLOPT_URL, url.data());
    ::curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, path);
    if (!is_unix || is_abstract) ::curl_easy_setopt(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, abstract);
  }
  static constexpr std::string_view unix_prefix = "unix:";  // of Endpoint::to_string()
  static constexpr std::string_view abstract_prefix = "unix:@";

  // Lets curl go on with what happened on a socket, or with what is due, and takes what has ended by that.
  void act(curl_socket_t fd, int happened) {
    int running = 0;
    ::curl_multi_socket_action(multi_.get(), fd, happened, &running);
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Slot& slot = slot_of(message->easy_handle);
      finish(slot, evidence_of(slot, message->data.result));
    }
    for (; !unwatched_.empty(); unwatched_.pop_back()) {
      auto& [slot, error] = unwatched_.back();
      if (!slot->decided) finish(*slot, {.call = Call::wait, .error = error});
    }
  }

  static Slot& slot_of(CURL* easy) {
    void* slot = nullptr;
    ::curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
    return *static_cast<Slot*>(slot);
  }

  // Of a failed call curl keeps the errno, and not which one it was.
  static Evidence evidence_of(const Slot& slot, CURLcode result) {
    if (result == CURLE_OK) return {.call = call_that_told(0, slot.family)};
    if (result == CURLE_OPERATION_TIMEDOUT) return {.call = Call::wait, .deadline_passed = true};
    long error = 0;
    ::curl_easy_getinfo(slot.easy.get(), CURLINFO_OS_ERRNO, &error);
    // The one errno that gets lost: EAGAIN, which curl takes for "in progress". Of a UNIX socket it means the full
    // backlog.
    if (error == 0 && result == CURLE_COULDNT_CONNECT && slot.family == AF_UNIX) error = EAGAIN;
    if (error == 0) return {.call = Call::wait};
    return {.call = call_that_told(static_cast<int>(error), slot.family), .error = static_cast<int>(error)};
  }

  void give_up(InFlight& in_flight) override {
    finish(static_cast<Slot&>(in_flight), {.call = Call::wait, .cancelled = true});
  }

  // What a handle has connected only, curl closes when the handle is taken away; a failed socket it has closed before.
  void finish(Slot& slot, const Evidence& evidence) {
    decide(slot, evidence);
    ::curl_multi_remove_handle(multi_.get(), slot.easy.get());
    retirement().retire(std::move(slot.closed), slot.completion);
    ended(slot);
  }

  // Instead of close(). By then curl has told that it watches it no more.
  static int take_over(void* of, curl_socket_t fd) {
    static_cast<Slot*>(of)->closed.reset(fd);
    return 0;
  }

  // To return an error would end all handles, for good: what cannot be watched is ended after curl has returned.
  static int watch(CURL* easy, curl_socket_t fd, int what, void* of, void* known) {
    auto& self = *static_cast<Libcurl*>(of);
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(self.epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // fails when curl has closed it already
      return 0;
    }
    epoll_event event{.events = 0, .data = {.fd = fd}};
    if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
    if (known == nullptr) ::curl_multi_assign(self.multi_.get(), fd, of);
    if (::epoll_ctl(self.epoll_.get(), known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0)
      self.unwatched_.emplace_back(&slot_of(easy), errno);
    return 0;
  }

  static int set_timer(CURLM*, long milliseconds, void* of) {
    static_cast<Libcurl*>(of)->due_ =
        milliseconds < 0 ? TimePoint::max() : now() + std::chrono::milliseconds(milliseconds);
    return 0;
  }

  // Without the wait nothing more can be learnt of any attempt.
  void end_all(int error) {
    for (Slot& slot : slots_)
      if (slot.open && !slot.decided) finish(slot, {.call = Call::wait, .error = error});
  }

  void turn(TimePoint wake) override {
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
    .summary = "libcurl: CONNECT_ONLY in the multi interface over an epoll",
    .options = {},
    .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      require_curl();
      return std::make_unique<Libcurl>(settings);
    },
    .library = []() -> Library {
      return {"libcurl", ::curl_version_info(CURLVERSION_NOW)->version, true};
    },
    .group = "libraries",
};

}  // namespace connbench::connectors
