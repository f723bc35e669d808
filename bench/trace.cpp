// connbench trace: follows one attempt on three timelines.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/progress_line.h"
#include "bench/requirements.h"
#include "bench/screen.h"
#include "harness/machine/ipv6.h"
#include "harness/machine/machine.h"
#include "harness/programs/program.h"
#include "harness/run/plan.h"
#include "harness/support/output_file.h"
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
  constexpr Range<Duration> up_to_ten_minutes{Duration(1), std::chrono::minutes(10)};
  TraceOptions options{.greeting = !flags.story.empty() && one_of("--story", flags.story, {"greeting"}) == "greeting",
                       .connector = for_flag("--connector", [&] { return find_connector(flags.connector); }),
                       .target = for_flag("--target", [&] { return find_target(flags.target); }),
                       .attempts = read_count("--attempts", flags.attempts, most_attempts),
                       .timeout = read_time("--timeout", flags.timeout, up_to_ten_minutes),
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

// A program has no probe(): it says itself what it can do.
void require_usable_program(const TraceOptions& options) {
  const DescriptionAnswer& answer = options.connector.entry->program->answer();
  if (!answer.description) throw MachineLacks(fmt::format("{}: {}", options.connector.name, answer.why_not));
  if (const auto why_not = why_program_cannot(*answer.description, options.connector.policy({.close = options.close})))
    throw MachineLacks(fmt::format("{}: {}", options.connector.name, *why_not));
}

// Its capabilities.
Capabilities require_usable(const TraceOptions& options) {
  if (options.connector.entry->program != nullptr) require_usable_program(options);
  if (!options.connector.entry->serves(options.family))
    throw MachineLacks(fmt::format("{} does not serve family {}", options.connector.name, to_string(options.family)));
  Retirement retirement({.close = options.close}, 0);
  const auto probe = options.connector.entry->probe;
  if (const auto why_not = probe == nullptr ? std::nullopt : probe({options.connector.options, 1, retirement}))
    throw MachineLacks(fmt::format("{}: {}", options.connector.name, *why_not));
  const CapabilitiesAnswer answer = ask_capabilities(options.connector, {.close = options.close});
  if (!answer.capabilities)
    throw MachineLacks(fmt::format("{} cannot be made: {}", options.connector.name, answer.why_not));
  return *answer.capabilities;
}

// Where the trace and its packets go. Opened before anything starts: a trace that cannot be written is lost.
class Output {
 public:
  Output(const TraceOptions& options, StopSignal& stop) {
    const auto give_up = [&stop] { return stop.pending() != 0; };
    if (!options.pcap.empty()) pcap_.emplace("--pcap", options.pcap, give_up);
    if (!options.out.empty() && !interrupted()) out_.emplace("--out", options.out, give_up);
    if (pcap_ && out_ && !interrupted() && would_mix(pcap_->status(), out_->status()))
      throw std::invalid_argument(fmt::format("--out {} is the file of --pcap: choose another one", options.out));
  }

  /// While it waited for the reader of a FIFO.
  bool interrupted() const { return (pcap_ && !*pcap_) || (out_ && !*out_); }

  /// The file to capture into. A trace reads its packets again: what cannot be read again gets them from memory, at the
  /// end. That memory is a file without a name, which vanishes with the last process that has it open.
  int begin_capture() {
    if (pcap_) pcap_->begin();
    if (pcap_ && S_ISREG(pcap_->status().st_mode)) return pcap_->fd();
    memory_.reset(::memfd_create("connbench-trace", MFD_CLOEXEC));
    if (!memory_)
      throw MachineLacks(fmt::format(
          "the packets need a file without a name, and memfd_create() is refused ({}): give one, --pcap FILE",
          strerror(errno)));
    return memory_.get();
  }

  /// How wide a line may be.
  size_t width() const { return out_ ? SIZE_MAX : screen_width(); }

  /// May wait for the reader of a pipe.
  void write(const std::string& text) {
    if (pcap_ && memory_) {
      std::ifstream packets(fmt::format("/proc/self/fd/{}", memory_.get()), std::ios::binary);
      pcap_->write(std::string(std::istreambuf_iterator<char>(packets), {}));
    }
    if (!out_) return print_out(text);
    out_->begin();
    out_->write(text);
  }

 private:
  std::optional<OutputFile> pcap_, out_;
  UniqueFd memory_{-1};
};

trace::FollowRequest request(const TraceOptions& options, const Capabilities& capabilities, int capture) {
  const auto waiting = [line = std::make_shared<ProgressLine>(options.progress)](const std::string& what) {
    what.empty() ? line->clear() : line->show("", what);
  };
  trace::FollowRequest request{.client = {},
                               .target_name = "greeting",
                               .open_target = {},
                               .capture_file = fmt::format("/proc/self/fd/{}", capture),
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

int follow(const TraceOptions& options, const Capabilities& capabilities, lab::Lab& lab) {
  StopSignal stop;
  Output output(options, stop);
  if (output.interrupted()) return interrupted_while_waiting(stop.pending());
  const int capture = output.begin_capture();
  lab.start_capture(capture);
  const trace::Trace seen = trace::follow(request(options, capabilities, capture), lab, stop);
  const int signal = stop.pending();
  stop.release();  // nothing is lost any more: a signal may end this process while it waits for a reader
  output.write(options.json ? trace::to_json(seen).dump(2) + '\n' : trace::full_text(seen, output.width()));
  if (signal != 0) return signal_base + signal;
  return seen.client_failed ? broke : done;
}

int run(const TraceFlags& flags) {
  raise_descriptor_limit();
  const TraceOptions options = parse(flags);
  require_machine();
  const Capabilities capabilities = require_usable(options);
  const lab::Options lab_options{.sysctls = options.sysctls, .capture = true, .seed = read_seed("")};
  // Thrown where no lab can be made here, and where the client cannot be followed in the lab.
  const auto lacks = [](const lab::Unavailable& error) {
    return MachineLacks(fmt::format("nothing can be traced here: {}", error.what()));
  };
  const auto inside = [&](lab::Lab& lab) {
    if (options.family == Family::ipv6 || options.target.entry->needs_ipv6)
      if (const auto why_not = why_no_ipv6()) throw MachineLacks(*why_not);
    try {
      return follow(options, capabilities, lab);
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
  return {"What to trace",
          {{.name = "--connector",
            .value = "NAME",
            .destination = &flags.connector,
            .help = "A connector, with its options; connbench list shows all.",
            .completes = Completes::connectors},
           {.name = "--target",
            .value = "NAME",
            .destination = &flags.target,
            .help = "What to connect to, in the lab.",
            .completes = Completes::targets},
           {.name = "--attempts", .value = "N", .destination = &flags.attempts, .help = "One after another, 1 to 100."},
           {.name = "--timeout", .value = "TIME", .destination = &flags.timeout, .help = "Deadline of each attempt."},
           {.name = "--family",
            .value = "FAMILY",
            .destination = &flags.family,
            .help = "Address family: 4, 6.",
            .choices = {"4", "6"}},
           {.name = "--close",
            .value = "HOW",
            .destination = &flags.close,
            .help = "How the connection ends: fin, rst, hold.",
            .choices = {"rst", "fin", "hold"}},
           {.name = "--sysctl",
            .value = "NAME=VALUE",
            .destination = Repeated{&flags.sysctls},
            .help = "Set a sysctl in the lab: net.ipv4.tcp_syn_retries=1. Repeatable."},
           {.name = "--until",
            .value = "WHEN",
            .destination = &flags.until,
            .help = "quiet: until nothing moves any more; closed: until TIME_WAIT (60 s) has ended too.",
            .choices = {"quiet", "closed"}},
           {.name = "--story",
            .value = "NAME",
            .destination = &flags.story,
            .help = "Trace an example instead. greeting: a client and a server of a few lines, eight packets.",
            .excludes = {"--connector", "--target", "--attempts", "--timeout", "--close"},
            .choices = {"greeting"}}}};
}

FlagGroup output(TraceFlags& flags) {
  return {"Output",
          {{.name = "--format",
            .value = "FORM",
            .destination = &flags.format,
            .help = "text, or json (docs/tracing.md describes it).",
            .choices = {"text", "json"}},
           {.name = "--quiet", .value = "", .destination = &flags.quiet, .help = "Show no progress on stderr."},
           {.name = "--pcap",
            .value = "FILE",
            .destination = &flags.pcap,
            .help = "Write the packets to FILE, for tcpdump -r and Wireshark.",
            .completes = Completes::files},
           {.name = "--out",
            .value = "FILE",
            .destination = &flags.out,
            .help = "Write the trace to FILE.",
            .shown_default = "stdout",
            .completes = Completes::files}}};
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
          .run = [flags] { return run(*flags); },
          .check = [flags] { parse(*flags); }};
}

}  // namespace connbench
