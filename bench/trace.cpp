// connbench trace: follows one attempt on three timelines.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/progress_line.h"
#include "bench/requirements.h"
#include "harness/machine/ipv6.h"
#include "harness/machine/machine.h"
#include "harness/run/plan.h"
#include "harness/support/units.h"
#include "harness/trace/follow.h"
#include "harness/trace/greeting.h"
#include "harness/trace/ladder.h"
#include "harness/trace/trace_json.h"

namespace connbench {
namespace {

// The flags as text.
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
  bool quiet = false;
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
  ProgressLine::Wanted progress;
};

TraceOptions parse(const TraceFlags& flags) {
  constexpr size_t most_attempts = 100;  // nobody reads more
  constexpr TimeBound ten_minutes{std::chrono::minutes(10), "10min"};
  TraceOptions options{.greeting = !flags.story.empty() && one_of("--story", flags.story, {"greeting"}) == "greeting",
                       .connector = for_flag("--connector", [&] { return find_connector(flags.connector); }),
                       .target = for_flag("--target", [&] { return find_target(flags.target); }),
                       .attempts = read_count("--attempts", flags.attempts, most_attempts),
                       .timeout = read_time("--timeout", flags.timeout, ten_minutes),
                       .family = read_family("--family", flags.family, {"4", "6"}),
                       .close = read_close(flags.close),
                       .json = one_of("--format", flags.format, {"text", "json"}) == "json",
                       .until_closed = one_of("--until", flags.until, {"quiet", "closed"}) == "closed",
                       .pcap = flags.pcap,
                       .out = flags.out,
                       .sysctls = for_each_text<lab::Sysctl>("--sysctl", flags.sysctls, lab::parse_sysctl),
                       .progress = flags.quiet ? ProgressLine::Wanted::no : ProgressLine::Wanted::yes};
  if (!options.target.entry->serves(options.family))
    refuse_flag("--target",
                fmt::format("{} has no address of family {}", options.target.name, to_string(options.family)));
  return options;
}

// Its capabilities.
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

// Checked before anything starts: a trace that cannot be written is lost.
void require_writable(const char* name, const std::string& file) {
  if (file.empty()) return;
  const UniqueFd opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (!opened) throw std::invalid_argument(fmt::format("{}: {} cannot be written: {}", name, file, strerror(errno)));
}

// Without --pcap the capture goes to a file without a name, which vanishes with the last process that has it open.
struct CaptureFile {
  UniqueFd memory{-1};
  std::string inside;  // its path in the lab, where this process is number 1

  explicit CaptureFile(const std::string& pcap) : inside(pcap) {
    if (!pcap.empty()) return;
    memory.reset(::memfd_create("connbench-trace", MFD_CLOEXEC));
    if (!memory)
      throw MachineLacks(fmt::format(
          "the packets need a file without a name, and memfd_create() is refused ({}): give one, --pcap FILE",
          strerror(errno)));
    inside = fmt::format("/proc/1/fd/{}", memory.get());
  }
};

trace::FollowRequest request(const TraceOptions& options, const Capabilities& capabilities,
                             const CaptureFile& capture) {
  const auto waiting = [line = std::make_shared<ProgressLine>(options.progress)](const std::string& what) {
    what.empty() ? line->clear() : line->show("", what);
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
    request.client.why_no_end = fmt::format("{} has no deadline of its own", options.connector.name);
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
  require_machine();
  const Capabilities capabilities = require_usable(options);
  require_writable("--pcap", options.pcap);
  require_writable("--out", options.out);
  const CaptureFile capture(options.pcap);
  const lab::Options lab_options{.sysctls = options.sysctls, .pcap = capture.inside, .seed = read_seed("")};
  // Thrown where no lab can be made here, and where the client cannot be followed in the lab.
  const auto lacks = [](const lab::Unavailable& error) {
    return MachineLacks(fmt::format("nothing can be traced here: {}", error.what()));
  };
  const auto inside = [&](lab::Lab& lab) {
    if (options.family == Family::ipv6 || options.target.entry->needs_ipv6)
      if (const auto why_not = why_no_ipv6()) throw MachineLacks(*why_not);
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

FlagGroup what_to_trace(TraceFlags& flags) {
  return {
      "What to trace",
      {{.name = "--connector",
        .value = "NAME",
        .destination = &flags.connector,
        .help = "A connector, with its options; connbench list shows all."},
       {.name = "--target", .value = "NAME", .destination = &flags.target, .help = "What to connect to, in the lab."},
       {.name = "--attempts", .value = "N", .destination = &flags.attempts, .help = "One after another, 1 to 100."},
       {.name = "--timeout", .value = "TIME", .destination = &flags.timeout, .help = "Deadline of each attempt."},
       {.name = "--family", .value = "FAMILY", .destination = &flags.family, .help = "Address family: 4, 6."},
       {.name = "--close",
        .value = "HOW",
        .destination = &flags.close,
        .help = "How the connection ends: fin, rst, hold."},
       {.name = "--sysctl",
        .value = "NAME=VALUE",
        .destination = Repeated{&flags.sysctls},
        .help = "Set a sysctl in the lab: net.ipv4.tcp_syn_retries=1. Repeatable."},
       {.name = "--until",
        .value = "WHEN",
        .destination = &flags.until,
        .help = "quiet: until nothing moves any more; closed: until TIME_WAIT (60 s) has ended too."},
       {.name = "--story",
        .value = "NAME",
        .destination = &flags.story,
        .help = "Trace an example instead. greeting: a client and a server of a few lines, eight packets.",
        .excludes = {"--connector", "--target", "--attempts", "--timeout", "--close"}}}};
}

FlagGroup output(TraceFlags& flags) {
  return {"Output",
          {{.name = "--format",
            .value = "FORM",
            .destination = &flags.format,
            .help = "text, or json (docs/tracing.md describes it)."},
           {.name = "--quiet", .value = "", .destination = &flags.quiet, .help = "Show no progress on stderr."},
           {.name = "--pcap",
            .value = "FILE",
            .destination = &flags.pcap,
            .help = "Write the packets to FILE, for tcpdump -r and Wireshark."},
           {.name = "--out",
            .value = "FILE",
            .destination = &flags.out,
            .help = "Write the trace to FILE.",
            .shown_default = "stdout"}}};
}

}  // namespace

Command trace_command() {
  auto flags = std::make_shared<TraceFlags>();
  return {.name = "trace",
          .summary = "follow one attempt: its calls, its packets, the states of both ends",
          .groups = {what_to_trace(*flags), output(*flags)},
          .usual_flag = "--connector",
          .notes = {"The client is stopped at each of its system calls, so every time in a trace includes the cost of "
                    "watching.",
                    "Exit status: 0 done, 2 unusable arguments, 3 the machine lacks what a trace needs, 5 it broke, "
                    "130 interrupted (what was seen until then is printed)."},
          .examples = {{"A lost SYN, and the packets in a file",
                        "connbench trace --connector epoll --target lossy-syn:1 --pcap syn.pcap"}},
          .run = [flags] { return run(*flags); }};
}

}  // namespace connbench
