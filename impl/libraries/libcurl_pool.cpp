// libcurl's easy interface in a pool of threads, each with one handle for all its attempts, as curl's manual advises.
// Choose it where requests are made from worker threads that exist anyway: the handle, its two descriptors and its
// cache of names are made once. Attempts beyond the number of threads wait for one, as in every pool.
//
// Its traps are those of libcurl-threads, and one more: a handle must never be used by two threads at once, nor share
// its caches with others, unless locks are given to curl (CURLSHOPT_LOCKFUNC).
#include "impl/libraries/curl_call.h"
#include "impl/threads/thread_pool.h"

namespace connbench::connectors {
namespace {

constexpr auto options = with_unrepeated_socket_options({curl_stack_option, threads_option});

Completion call(const Attempt& attempt, const CallContext& context) {
  thread_local CurlHandle handle;
  return curl_call(attempt, context, handle, now());
}

}  // namespace

extern const ConnectorEntry libcurl_pool;
const ConnectorEntry libcurl_pool{
    .name = "libcurl-pool",
    .summary = "libcurl: curl_easy_perform() with CONNECT_ONLY, a pool of threads with a handle each",
    .options = options,
    .probe = probe_socket_setup,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      require_curl();
      return std::make_unique<ThreadPool>(settings, call, curl_call_capabilities());
    },
    .library = curl_library,
    .group = "libraries",
};

}  // namespace connbench::connectors
