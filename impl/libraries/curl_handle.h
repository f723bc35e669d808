// What the libcurl connectors share: an easy handle that connects and nothing more, and how its result is read.
#pragma once

#include <curl/curl.h>
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "harness/connector/registry.h"
#include "harness/support/unique_fd.h"
#include "impl/libraries/library_connector.h"
#include "impl/threads/waiting_sockets.h"

namespace connbench {

/// curl requires that one thread initialises its global state before any other call.
/// @throws std::system_error
inline void require_curl() {
  static const CURLcode result = ::curl_global_init(CURL_GLOBAL_NOTHING);
  if (result != CURLE_OK) throw std::system_error(ENOMEM, std::generic_category(), "curl_global_init");
}

inline Library curl_library() {
  return {"libcurl", ::curl_version_info(CURLVERSION_NOW)->version, true};
}

/// curl 7.88 computes a time that has passed as 1000 · seconds + microseconds / 1000. Where the second
/// changes meanwhile, the microseconds are negative, and C rounds them towards zero: up to 1 ms too much has passed.
inline constexpr Duration curl_early = std::chrono::milliseconds(1);

/// An easy handle with CURLOPT_CONNECT_ONLY. It may be used for one attempt after another. It stays where it is, since
/// curl keeps its address.
class CurlHandle {
 public:
  CurlHandle() noexcept : easy_(::curl_easy_init()) {
    if (!easy_) return;
    set(CURLOPT_CONNECT_ONLY, 1L);
    set(CURLOPT_NOSIGNAL, 1L);  // otherwise curl changes the disposition of SIGPIPE, which belongs to all threads
    set(CURLOPT_PROXY, "");     // overrides the environment
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_CLOSESOCKETFUNCTION, take_over);
    set(CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&closed_));
  }
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;

  /// False: there was no memory for it, and nothing else may be called.
  explicit operator bool() const noexcept { return easy_ != nullptr; }
  CURL* get() const noexcept { return easy_.get(); }

  template <class Value>
  void set(CURLoption option, Value value) noexcept {
    ::curl_easy_setopt(easy_.get(), option, value);
  }

  /// For all its attempts: sockets by the options. curl opens its own where they ask for nothing else.
  /// @param setup must outlive the last attempt
  void open_sockets_by(SocketSetup& setup) noexcept {
    if (setup.is_default()) return;
    setup_ = &setup;
    set(CURLOPT_OPENSOCKETFUNCTION, open);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  }

  /// Lets the cancelling signal end its transfer. curl 8.23 does not call the progress function while it connects, and
  /// waits on when its poll() is interrupted; up to 8.14 the function was enough.
  void end_by_signal() noexcept {
    forget_waiting_sockets();
    set(
        CURLOPT_SOCKOPTFUNCTION, +[](void*, curl_socket_t fd, curlsocktype) {
          add_waiting_socket(fd);
          return int{CURL_SOCKOPT_OK};
        });
    set(
        CURLOPT_CLOSESOCKETFUNCTION, +[](void* closed, curl_socket_t fd) {
          remove_waiting_socket(fd);
          return take_over(closed, fd);
        });
  }

  /// Where to connect, and for how long. curl races all addresses of a host that have one port.
  void aim(std::span<const Endpoint> addresses, Duration timeout) {
    not_opened_ = {};
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(whole_milliseconds(timeout)));
    if (addresses.size() > 1 && are_one_host(addresses)) return aim_at_all(addresses);
    if (resolve_) set(CURLOPT_RESOLVE, static_cast<curl_slist*>(nullptr));
    resolve_.reset();
    aim_at(addresses.front());
  }

  /// What a transfer's result says of the attempt. curl keeps the errno of a failed call, but not which call it was.
  Evidence evidence_of(CURLcode result, sa_family_t family) const {
    if (result == CURLE_OK) return {.call = call_that_reported(0, family)};
    if (result == CURLE_OPERATION_TIMEDOUT) return {.call = Call::wait, .deadline_passed = true};
    if (result == CURLE_COULDNT_CONNECT && not_opened_.error != 0) return not_opened_;
    long error = 0;
    ::curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &error);
    // The one errno that gets lost is EAGAIN, which curl takes for "in progress". For a UNIX socket it means that the
    // backlog is full.
    if (error == 0 && result == CURLE_COULDNT_CONNECT && family == AF_UNIX) error = EAGAIN;
    if (error == 0 || result == CURLE_ABORTED_BY_CALLBACK) return {.call = Call::wait};
    return {.call = call_that_reported(static_cast<int>(error), family), .error = static_cast<int>(error)};
  }

  /// Whether the cancelling signal's shutdown() may have caused this.
  bool ended_by_signal(const Evidence& evidence) const noexcept {
    return !evidence.deadline_passed && was_shut_down(evidence.error, closed_.get());
  }

  /// The socket that curl has finished with last; -1: none.
  UniqueFd take_closed() noexcept { return std::move(closed_); }

 private:
  struct FreeEasy {
    void operator()(CURL* easy) const noexcept { ::curl_easy_cleanup(easy); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const noexcept { ::curl_slist_free_all(list); }
  };

  // curl takes a name with one port. Its list of addresses has no room for an interface.
  static bool are_one_host(std::span<const Endpoint> addresses) {
    return std::ranges::all_of(addresses, [&](const Endpoint& one) {
      return one.family() != AF_UNIX && one.port() == addresses.front().port() &&
             one.to_string().find('%') == std::string::npos;
    });
  }

  // A name of the reserved domain .invalid (RFC 6761), whose addresses are given to curl's cache.
  void aim_at_all(std::span<const Endpoint> addresses) {
    const unsigned port = addresses.front().port();
    std::string entry = "host.invalid:" + std::to_string(port) + ":";
    for (const Endpoint& one : addresses) {
      const std::string text = one.to_string();
      entry.append(text, 0, text.rfind(':')).push_back(',');
    }
    entry.pop_back();
    std::unique_ptr<curl_slist, FreeList> list(::curl_slist_append(nullptr, entry.c_str()));
    set(CURLOPT_RESOLVE, list.get());
    resolve_ = std::move(list);
    set(CURLOPT_URL, ("http://host.invalid:" + std::to_string(port) + "/").c_str());
    set(CURLOPT_UNIX_SOCKET_PATH, static_cast<const char*>(nullptr));
  }

  // A numeric host needs no lookup. For a UNIX socket, the host in the URL means nothing.
  void aim_at(const Endpoint& to) {
    constexpr std::string_view unix_prefix = "unix:";  // of Endpoint::to_string()
    constexpr std::string_view abstract_prefix = "unix:@";
    const std::string name = to.to_string();
    const bool is_unix = to.family() == AF_UNIX;
    const bool is_abstract = is_unix && name.starts_with(abstract_prefix);
    const char* const abstract = is_abstract ? name.c_str() + abstract_prefix.size() : nullptr;
    const char* const path = is_unix && !is_abstract ? name.c_str() + unix_prefix.size() : nullptr;
    std::array<char, 80> url{};  // the longest is that of an IPv6 address, 61
    std::snprintf(url.data(), url.size(), "http://%s/", is_unix ? "localhost" : name.c_str());
    set(CURLOPT_URL, url.data());
    set(CURLOPT_UNIX_SOCKET_PATH, path);
    if (!is_unix || is_abstract) set(CURLOPT_ABSTRACT_UNIX_SOCKET, abstract);
  }

  // Called instead of socket(), for each address of a race.
  static curl_socket_t open(void* handle, curlsocktype, curl_sockaddr* to) {
    auto& self = *static_cast<CurlHandle*>(handle);
    UniqueFd fd(-1);
    self.not_opened_ = open_socket(*self.setup_, static_cast<sa_family_t>(to->family), fd);
    return self.not_opened_.error == 0 ? fd.release() : CURL_SOCKET_BAD;
  }

  // Called instead of close(). By then curl has stopped watching the socket.
  static int take_over(void* closed, curl_socket_t fd) {
    static_cast<UniqueFd*>(closed)->reset(fd);
    return 0;
  }

  SocketSetup* setup_ = nullptr;
  Evidence not_opened_{};  // why the socket that curl asked for last could not be opened; error 0: it was
  UniqueFd closed_{-1};
  std::unique_ptr<curl_slist, FreeList> resolve_;
  std::unique_ptr<CURL, FreeEasy> easy_;  // destroyed first: it may close a socket
};

}  // namespace connbench
