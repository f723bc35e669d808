#include <netdb.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <stdexcept>

#include "bench/commands.h"
#include "bench/exhaust_options.h"
#include "bench/run_options.h"
#include "harness/scenarios/scenario.h"
#include "harness/support/quantity.h"
#include "harness/targets/external.h"
#include "tests/fuzz/command_line_fuzz.h"

// No names are looked up, whatever the text says: only numbers become addresses.
extern "C" int __real_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
extern "C" int __wrap_getaddrinfo(const char* host, const char* port, const addrinfo* hints, addrinfo** found) {
  addrinfo numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
  return __real_getaddrinfo(host, port, &numeric, found);
}

namespace connbench {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    std::erase(words.back(), '\0');  // no word holds one
    begin = end + 1;
  }
  return words;
}

void check_connectors(const std::vector<NamedConnector>& connectors) {
  std::set<std::string> names;
  for (const NamedConnector& connector : connectors) {
    require(names.insert(connector.name).second, "every connector has a name of its own");
    require(find_connector(connector.name).name == connector.name, "a connector's name names it");
  }
}

void check_targets(const std::vector<NamedTarget>& targets) {
  std::set<std::string> names;
  for (const NamedTarget& target : targets) {
    const bool outside = target.entry == &external_target;
    require(names.insert(target.name).second, "every target has a name of its own");
    require((outside ? parse_external(target.name) : find_target(target.name)).name == target.name,
            "a target's name names it");
    require(outside == !target.addresses.empty(), "hosts outside have addresses, and only these");
  }
}

void check_arrivals(const RunRequest& request) {
  require(canonical_arrival(request.arrival) == request.arrival, "an arrival is in its canonical spelling");
  const auto pacing = find_scenario(request.arrival).entry->pacing(request.arrival, request.seed);
  Duration last{};
  for (int i = 0; i < 3; ++i) {
    const Duration due = pacing->next_due();
    require(due >= last && due < std::chrono::hours(24 * 365), "attempts are due in order, and soon");
    last = due;
  }
  const auto rate = offered_rate(request.arrival);
  require(!rate || request.find_rate || static_cast<double>(request.attempts) / *rate <= 86'400,
          "all attempts arrive within a day");
}

void check_run(const RunOptions& options) {
  const RunRequest& request = options.request;
  check_connectors(request.connectors);
  check_targets(request.targets);
  for (const Mix& mix : request.mixes) require(parse_mix(mix.name()).name() == mix.name(), "a mix's name names it");
  check_arrivals(request);
  require(std::set(request.concurrency.begin(), request.concurrency.end()).size() == request.concurrency.size(),
          "every concurrency differs");
  require(std::set(request.timeouts.begin(), request.timeouts.end()).size() == request.timeouts.size(),
          "every timeout differs");
  for (const Duration timeout : request.timeouts)
    for (const size_t concurrency : request.concurrency) {
      require(concurrency >= request.shards && request.shards >= 1, "every shard may have an attempt in flight");
      require(up_to_a_day.contains(timeout), "a timeout is above zero and at most a day");
      require(default_wave_limit(request.attempts, concurrency, timeout) > Duration::zero(), "a wave has a limit");
    }
  const bool outside = !request.targets.empty() && request.targets.front().entry == &external_target;
  require(!outside || request.external_gap >= Duration(1), "attempts at hosts outside keep a distance");
  if (request.find_rate) {
    require(parse_rate_goal(request.find_rate->text).text == request.find_rate->text, "a goal's text is canonical");
    require(request.attempts == request.find_rate->attempts_at(request.first_rate), "a search fixes the attempts");
  }
}

void check_exhaust(const ExhaustOptions& options) {
  check_connectors(options.connectors);
  require(options.limit > 0 && options.pending > 0 && options.step > 0 && options.healthy > 0, "nothing is zero");
  require(options.pending / options.step <= 4096, "a ramp has few rows");
}

// Reads flags into values, like the command of this name.
void check_command(const std::string& name, std::span<const std::string> words) {
  if (name == "run") {
    RunFlags flags;
    read_flags({.name = name, .summary = "", .groups = describe(flags), .run = {}, .check = {}}, words);
    return check_run(parse(flags));
  }
  if (name == "exhaust") {
    ExhaustFlags flags;
    read_flags({.name = name, .summary = "", .groups = describe(flags), .run = {}, .check = {}}, words);
    return check_exhaust(parse(flags));
  }
  for (const Command& command :
       {list_command(), doctor_command(), probe_command(), trace_command(), cluster_command()}) {
    if (command.name != name) continue;
    read_flags(command, words);
    command.check();
  }
}

void check_complaint(const std::string& complaint, size_t given) {
  require(!complaint.empty(), "a complaint says something");
  require(complaint.size() < 4'000 + 8 * given, "a complaint is not endless");
}

}  // namespace

void check_command_line(std::string_view text) {
  const std::vector<std::string> words = lines_of(text);
  if (words.empty()) return;
  try {
    check_command(words.front(), std::span(words).subspan(1));
  } catch (const std::invalid_argument& error) {
    check_complaint(error.what(), text.size());
  } catch (const MachineLacks& error) {
    check_complaint(error.what(), text.size());
  }
}

const std::vector<std::string>& command_line_seeds() {
  static const std::vector<std::string> seeds{
      "list\n--format\njson",
      "doctor\n--format=text",
      "probe\n--only\nS6,S7\n--format\ncsv\n--out\nx",
      "trace\n--connector\nepoll+close:fin\n--target\ndelayed:20ms\n--attempts\n3\n--timeout\n3s\n--family\n6\n--"
      "close\n"
      "rst\n--until\nclosed\n--sysctl\nnet.ipv4.tcp_syn_retries=1",
      "trace\n--story\ngreeting\n--format\njson",
      "run",
      "run\n--connector\nepoll+wait:pwait2+detect:recv,poll-pool+threads:9+stack:64KiB,'*-threads',loops\n--target\n"
      "accepting,delayed:20ms,jittered:20ms~5ms,lossy:10%,lossy-syn:1,overflowing:8,slow-accept:1ms",
      "run\n--mix\naccepting=99.5,blackhole=0.5\n--mix\ndelayed:20ms=100\n--arrival\npoisson:1000/s\n--spin",
      "run\n--concurrency\n1,1,024\n--timeout\n1.5s,200ms\n--family\nboth\n--attempts\n2000\n--repetitions\n5",
      "run\n--find-rate\np99<5ms\n--arrival\nuniform:500/s\n--shards\n2\n--seed\n18446744073709551615",
      "run\n--wave-limit\n20s\n--cpus\nclient=0,server=0,link=0\n--close\nhold\n--handshake\non\n--samples\nnone\n"
      "--syscalls\noff\n--quiet\n--dry-run\n--out\nx\n--pcap\ny",
      "run\n--external\n--target\n127.0.0.1:9,[::1]:9,[fe80::1%1]:9\n--family\nboth\n--external-rate\n50/s\n"
      "--external-attempts\n99999\n--external-concurrency\n64\n--attempts\n9\n--connector\nhappy-eyeballs+stagger:"
      "250ms",
      "exhaust\nthreads\n--limit\n512\n--connector\nepoll,sequential+each:1s\n--pending\n5000\n--step\n400\n--"
      "healthy\n9",
      "exhaust\nfds\n--to-the-end\n--timeout\n3s\n--repetitions\n2\n--family\nunix\n--seed\n0",
      "exhaust\nmemory\n--limit\n256MiB",
      "exhaust\nports\n--limit\n1024\n--quiet\n--out\nx"};
  return seeds;
}

}  // namespace connbench
