// libcurl's easy interface in a thread per attempt: curl_easy_init(), curl_easy_perform(), curl_easy_cleanup(). It is
// the most common use of libcurl; choose it for a few transfers at a time, where a handle's cost does not matter.
//
// Its traps: without CURLOPT_NOSIGNAL, a transfer changes the process's disposition of SIGPIPE and may use SIGALRM;
// CURLOPT_CONNECTTIMEOUT is 300 s unless it is set; every handle has a multi handle inside, with two descriptors of its
// own besides the connection; and what one transfer has learnt (connections, names, sessions) is lost with its handle.
#include "harness/connector/make_connector.h"
#include "impl/libraries/curl_call.h"
#include "impl/threads/thread_per_attempt.h"

namespace connbench::connectors {
namespace {

constexpr auto options = with_unrepeated_socket_options({curl_stack_option});

Completion call(const Attempt& attempt, const CallContext& context) {
  const TimePoint started = now();
  CurlHandle handle;
  return curl_call(attempt, context, handle, started);
}

}  // namespace

extern const ConnectorEntry libcurl_threads;
const ConnectorEntry libcurl_threads{
    .name = "libcurl-threads",
    .summary = "libcurl: curl_easy_perform() with CONNECT_ONLY, a thread and a handle per attempt",
    .options = options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      require_curl();
      return std::make_unique<ThreadPerAttempt>(settings, call, curl_call_capabilities());
    },
    .library = curl_library,
    .group = "libraries",
};

}  // namespace connbench::connectors
