// connbench trace: one attempt, followed on three lines of time.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "bench/commands.h"
#include "bench/flags.h"
#include "harness/machine/machine.h"
#include "harness/run/plan.h"
#include "harness/support/units.h"
#include "harness/trace/follow.h"
#include "harness/trace/greeting.h"
#include "harness/trace/ladder.h"
#include "harness/trace/trace_json.h"

namespace connbench {
namespace {

// The flags as text, as CLI11 fills them in.
struct TraceFlags {
  std::string story;
  std::string connector = "epoll";
  std::string target = "delayed:20ms";
  std::string attempts = "1";
  std::string timeout = "3s";
  std::string family = "4";
  std::string close = "fin";
  std::string format = "text";
  std::string until = "quiet";
  std::string pcap;
  std::string out;
  std::vector<std::string> sysctls;
};

// The flags as values.
struct TraceOptions {
  bool greeting;
  NamedConnector connector;
  NamedTarget target;
  size_t attempts;
  Duration timeout;
  Family family;
  CloseMode close;
  bool json;
  bool until_closed;
  std::string pcap, out;
  std::vector<lab::Sysctl> sysctls;
};

TraceOptions parse(const TraceFlags& flags) {
  constexpr size_t most_attempts = 100;  // more than anybody reads
  constexpr Duration longest = std::chrono::minutes(10);
  one_of("--close", flags.close, {"rst", "fin", "hold"});
  TraceOptions options{.greeting = !flags.story.empty() && one_of("--story", flags.story, {"greeting"}) == "greeting",
                       .connector = flag("--connector", [&] { return find_connector(flags.connector); }),
                       .target = flag("--target", [&] { return find_target(flags.target); }),
                       .attempts = flag("--attempts", [&] { return parse_count(flags.attempts); }),
                       .timeout = flag("--timeout", [&] { return parse_duration(flags.timeout); }),
                       .family = one_of("--family", flags.family, {"4", "6"}) == "4" ? Family::ipv4 : Family::ipv6,
                       .close = parse_close_mode(flags.close),
                       .json = one_of("--format", flags.format, {"text", "json"}) == "json",
                       .until_closed = one_of("--until", flags.until, {"quiet", "closed"}) == "closed",
                       .pcap = flags.pcap,
                       .out = flags.out,
                       .sysctls = each<lab::Sysctl>("--sysctl", flags.sysctls, lab::parse_sysctl)};
  if (options.attempts > most_attempts)
    throw std::invalid_argument(fmt::format("--attempts: at most {}", most_attempts));
  if (options.timeout <= Duration::zero() || options.timeout > longest)
    throw std::invalid_argument("--timeout: longer than nothing, and at most 10min");
  if (!options.target.entry->serves(options.family))
    throw std::invalid_argument(
        fmt::format("--target: {} has no address of family {}", options.target.name, to_string(options.family)));
  return options;
}

// What the connector says of itself.
Capabilities require_usable(const TraceOptions& options) {
  if (!options.connector.entry->serves(options.family))
    throw MachineLacks(fmt::format("{} does not serve family {}", options.connector.name, to_string(options.family)));
  Retirement retirement({.close = options.close}, 0);
  if (const auto why_not = options.connector.entry->probe({options.connector.options, 1, retirement}))
    throw MachineLacks(fmt::format("{}: {}", options.connector.name, *why_not));
  const CapabilitiesAnswer answer = ask_capabilities(options.connector, {.close = options.close});
  if (!answer.capabilities)
    throw MachineLacks(fmt::format("{} cannot be made: {}", options.connector.name, answer.why_not));
  return *answer.capabilities;
}

// Before anything starts: a trace that cannot be written was for nothing.
void require_writable(const char* name, const std::string& file) {
  if (file.empty()) return;
  const UniqueFd opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (!opened) throw std::invalid_argument(fmt::format("{}: {} cannot be written: {}", name, file, strerror(errno)));
}

// Where nobody asked for the file, it is one without a name: gone with the last process that has it.
struct CaptureFile {
  UniqueFd memory{-1};
  std::string inside;  // its path in the lab, where the trace is process 1

  explicit CaptureFile(const std::string& pcap) : inside(pcap) {
    if (!pcap.empty()) return;
    memory.reset(checked(::memfd_create("connbench-trace", MFD_CLOEXEC), "memfd_create"));
    inside = fmt::format("/proc/1/fd/{}", memory.get());
  }
};

trace::FollowRequest request(const TraceOptions& options, const Capabilities& capabilities,
                             const CaptureFile& capture) {
  const auto waiting = [terminal = ::isatty(STDERR_FILENO) == 1](const std::string& what) {
    if (terminal) fmt::print(stderr, "\r\033[K{}", what);
  };
  trace::FollowRequest request{.client = {},
                               .target_name = "greeting",
                               .open_target = {},
                               .capture_file = capture.inside,
                               .until_closed = options.until_closed,
                               .waiting = waiting};
  if (options.greeting) {
    request.client = trace::greeting_client();
    request.open_target = [&options](lab::Lab& lab) {
      return trace::open_greeting(lab, options.family, {.delay = std::chrono::milliseconds(10)});
    };
    return request;
  }
  request.client = trace::connecting_client(options.connector, options.attempts, options.timeout, options.close);
  if (!capabilities.has_deadline())
    request.client.why_no_end = fmt::format("{} leaves it to the kernel when to give up", options.connector.name);
  request.target_name = options.target.name;
  request.open_target = [&options](lab::Lab& lab) {
    return options.target.open({.family = options.family, .open_at_once = options.attempts, .lab = &lab});
  };
  return request;
}

void print(const TraceOptions& options, const trace::Trace& seen) {
  const std::string text = options.json ? trace::to_json(seen).dump(2) + '\n' : trace::full_text(seen);
  FILE* file = options.out.empty() ? stdout : std::fopen(options.out.c_str(), "w");
  if (file == nullptr) throw std::system_error(errno, std::generic_category(), options.out);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if ((options.out.empty() ? std::fflush(file) : std::fclose(file)) != 0 || !written)
    throw std::system_error(errno, std::generic_category(), options.out.empty() ? "stdout" : options.out);
}

int run(const TraceFlags& flags) {
  raise_descriptor_limit();
  const TraceOptions options = parse(flags);
  const Capabilities capabilities = require_usable(options);
  require_writable("--pcap", options.pcap);
  require_writable("--out", options.out);
  const CaptureFile capture(options.pcap);
  const lab::Options lab_options{.sysctls = options.sysctls, .pcap = capture.inside, .seed = std::random_device{}()};
  // Refused are the lab itself, here, or following the client, in it.
  const auto lacks = [](const lab::Unavailable& error) {
    return MachineLacks(fmt::format("nothing can be traced here: {}", error.what()));
  };
  const auto inside = [&](lab::Lab& lab) {
    StopSignal stop;
    try {
      const trace::Trace seen = trace::follow(request(options, capabilities, capture), lab, stop);
      print(options, seen);
      if (stop.pending() != 0) return signal_base + stop.pending();
      return static_cast<int>(seen.client_failed ? broke : done);
    } catch (const lab::Unavailable& error) {
      throw lacks(error);
    }
  };
  try {
    return lab::run_in_lab(lab_options, [&](lab::Lab& lab) { return guarded([&] { return inside(lab); }); });
  } catch (const lab::Unavailable& error) {
    throw lacks(error);
  }
}

}  // namespace

void add_trace(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("trace", "follow one attempt: its calls, its packets, the states of both ends");
  auto flags = std::make_shared<TraceFlags>();
  const auto one = [&](const char* name, std::string& value, const char* help) {
    return command->add_option(name, value, help);
  };
  one("--connector", flags->connector, "a way to connect (see connbench list)")->capture_default_str();
  one("--target", flags->target, "what to connect to, in the lab")->capture_default_str();
  auto* story = one("--story", flags->story, "greeting: a client and a server of a few lines, eight packets");
  one("--attempts", flags->attempts, "one after the other, 1 to 100")->capture_default_str();
  one("--timeout", flags->timeout, "of each attempt")->capture_default_str();
  one("--family", flags->family, "4, 6")->capture_default_str();
  one("--close", flags->close, "how the connection ends: fin, rst, hold")->capture_default_str();
  one("--until", flags->until, "quiet: nothing moves any more; closed: TIME_WAIT has ended (60 s) too")
      ->capture_default_str();
  command->add_option("--sysctl", flags->sysctls, "of the lab: net.ipv4.tcp_syn_retries=1; repeatable")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  one("--format", flags->format, "text, json (docs/trace.md)")->capture_default_str();
  one("--pcap", flags->pcap, "file for the packets, for tcpdump -r and Wireshark");
  one("--out", flags->out, "file for the trace [stdout]");
  for (const char* other : {"--connector", "--target", "--attempts", "--timeout", "--close"}) story->excludes(other);
  command->footer(
      "The client is stopped at each of its system calls: every time in a trace includes what watching costs.\n"
      "Exit status: 0 done, 2 unusable arguments, 3 the machine lacks what a trace needs, 5 it broke, 130 interrupted\n"
      "(what was seen until then is printed).\n"
      "Example: connbench trace --connector epoll --target lossy-syn:1 --pcap syn.pcap");
  command->callback([flags, &status] { status = run(*flags); });
}

}  // namespace connbench
