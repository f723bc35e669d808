#include "bench/run_flags.h"

#include <algorithm>
#include <iterator>

namespace connbench {
namespace {

FlagGroup what_to_measure(RunFlags& flags) {
  return {"What to measure",
          {{.name = "--connector",
            .value = "LIST",
            .destination = CommaList{&flags.connectors},
            .help = "Connectors, with their options (epoll,blocking-threads+stack:1MiB); groups of them (threads, "
                    "pools, processes, loops, libraries, baselines); globs ('*-threads'); or all.",
            .completes = Completes::connectors},
           {.name = "--target",
            .value = "LIST",
            .destination = CommaList{&flags.targets},
            .help = "What to connect to; connbench list shows all targets.",
            .completes = Completes::targets},
           {.name = "--mix",
            .value = "SHARES",
            .destination = Repeated{&flags.mixes},
            .help = "A fleet instead of single targets: several targets in one queue, with their percentages "
                    "(accepting=90,blackhole=10). Repeat it to compare fleets.",
            .excludes = {"--target"},
            .completes = Completes::shares},
           {.name = "--family",
            .value = "LIST",
            .destination = CommaList{&flags.families},
            .help = "Address families: 4, 6, both, unix.",
            .choices = {"4", "6", "both", "unix"}}}};
}

FlagGroup load(RunFlags& flags) {
  return {"Load",
          {{.name = "--concurrency",
            .value = "LIST",
            .destination = CommaList{&flags.concurrency},
            .help = "Maximum number of attempts in flight."},
           {.name = "--timeout",
            .value = "LIST",
            .destination = CommaList{&flags.timeouts},
            .help = "Deadline of each attempt, counted from its start: 200ms, 1.5s."},
           {.name = "--attempts",
            .value = "N",
            .destination = &flags.attempts,
            .help = "Attempts per wave.",
            .shown_default = "2000; of a ramp, those that are due until its rate has changed"},
           {.name = "--duration",
            .value = "TIME",
            .destination = &flags.duration,
            .help = "Begin attempts for this time instead: with a rate, as many as are due in it.",
            .excludes = {"--attempts"}},
           {.name = "--repetitions",
            .value = "N",
            .destination = &flags.repetitions,
            .help = "Waves per case, interleaved with the waves of the other cases."},
           {.name = "--arrival",
            .value = "FORM",
            .destination = &flags.arrival,
            .help = "When attempts start: closed (when another one ends), uniform:RATE/s, poisson:RATE/s, "
                    "ramp:RATE/s..RATE/s:TIME or burst:N@TIME. Several of them, such as poisson:1000/s,2000/s,5000/s, "
                    "are cases of their own.",
            .shown_default = "closed"},
           {.name = "--find-rate",
            .value = "GOAL",
            .destination = &flags.find_rate,
            .help = "Search for the highest arrival rate that meets a goal. p99<5ms: 99 % of all attempts connect "
                    "within 5 ms of the moment they were due, in most of the --repetitions waves. The search starts "
                    "at the rate of --arrival, or else at poisson:1000/s.",
            .excludes = {"--attempts", "--duration", "--wave-limit"}},
           {.name = "--spin",
            .value = "",
            .destination = &flags.spin,
            .help = "With a rate: do not sleep in the last millisecond before an attempt is due. Keeps a processor "
                    "busy."},
           {.name = "--spin-server",
            .value = "",
            .destination = &flags.spin_server,
            .help = "Servers never sleep, so that no connect has to wake one. Keeps a processor busy, which must not "
                    "be the client's (--cpus)."},
           {.name = "--shards",
            .value = "N",
            .destination = &flags.shards,
            .help = "Threads that divide attempts and concurrency between them, each with its own connector and "
                    "descriptor table."},
           {.name = "--wave-limit",
            .value = "TIME",
            .destination = &flags.wave_limit,
            .help = "Cancel a wave after this time.",
            .shown_default = "5s + 2 x ceil(attempts/concurrency) x timeout; with a rate, plus the time in which "
                             "attempts arrive; longer for a pool"}}};
}

FlagGroup surroundings(RunFlags& flags) {
  return {"Surroundings",
          {{.name = "--cpus",
            .value = "PLACES",
            .destination = &flags.cpus,
            .help = "Processors for each side: client=0,server=1; link=1 for the lab's link.",
            .shown_default = "any"},
           {.name = "--close",
            .value = "HOW",
            .destination = &flags.close,
            .help = "How connections end: rst, fin (leaves TIME_WAIT), hold (open until the wave ends).",
            .choices = {"rst", "fin", "hold"}},
           {.name = "--addresses",
            .value = "N",
            .destination = &flags.addresses,
            .help = "How many addresses each target has. With 1, all connections take their ports from one range, and "
                    "those in TIME_WAIT (--close fin) make every search for a free one longer.",
            .shown_default = "as many as keep three quarters of the ports free"},
           {.name = "--sysctl",
            .value = "NAME=VALUE",
            .destination = Repeated{&flags.sysctls},
            .help = "Set a sysctl in the lab, not on the machine: net.ipv4.tcp_syn_retries=1. Repeatable."},
           {.name = "--allow-tcp-memory",
            .value = "",
            .destination = &flags.allow_tcp_memory,
            .help = "Raise net.ipv4.tcp_mem of this machine for the run, if its attempts need more, and restore it "
                    "however the run ends. Needs root."},
           {.name = "--external",
            .value = "",
            .destination = &flags.external,
            .help = "Allow --target HOST:PORT, a host of your own."},
           {.name = "--external-rate",
            .value = "RATE",
            .destination = &flags.external_rate,
            .help = "Maximum rate of attempts at such a host.",
            .shown_default = "1000/s"},
           {.name = "--external-attempts",
            .value = "N",
            .destination = &flags.external_attempts,
            .help = "Maximum number of attempts at such hosts in the whole run.",
            .shown_default = "10000"},
           {.name = "--external-concurrency",
            .value = "N",
            .destination = &flags.external_concurrency,
            .help = "Maximum number of attempts in flight to such a host.",
            .shown_default = "256"}}};
}

FlagGroup records(RunFlags& flags) {
  return {"Records",
          {{.name = "--out",
            .value = "FOLDER",
            .destination = &flags.out,
            .help = "Folder for the records.",
            .shown_default = "results/<time>-<id>",
            .completes = Completes::files},
           {.name = "--samples",
            .value = "WHICH",
            .destination = &flags.samples,
            .help = "Attempts that get a row in samples.csv: all, failures, none.",
            .choices = {"all", "failures", "none"}},
           {.name = "--samples-format",
            .value = "csv|zst",
            .destination = &flags.samples_format,
            .help = "zst: compress the samples while they are written, into samples.csv.zst.",
            .choices = {"csv", "zst"}},
           {.name = "--percentiles",
            .value = "LIST",
            .destination = &flags.percentiles,
            .help = "Percentiles of connecting and response that the table shows and run.json has, such as "
                    "50,99,99.9.",
            .shown_default = "50,99 in the table"},
           {.name = "--syscalls",
            .value = "on|off",
            .destination = &flags.syscalls,
            .help = "Count system calls, in a separate wave of each case.",
            .choices = {"on", "off"}},
           {.name = "--handshake",
            .value = "on|off|lab",
            .destination = &flags.handshake,
            .help = "Read TCP_INFO after every attempt (costs about 2 % on loopback); lab: of the lab's targets only.",
            .choices = {"on", "off", "lab"}},
           {.name = "--local-port",
            .value = "",
            .destination = &flags.local_port,
            .help = "Read the local port of every attempt (one more system call each), to match samples with packets."},
           {.name = "--pcap",
            .value = "FILE",
            .destination = &flags.pcap,
            .help = "Write every packet at both ends of the lab's link to FILE.",
            .completes = Completes::files},
           {.name = "--seed",
            .value = "N",
            .destination = &flags.seed,
            .help = "Seed of the order of waves and of random arrivals.",
            .shown_default = "random, and recorded"},
           {.name = "--repeat",
            .value = "RUN",
            .destination = &flags.repeat,
            .help = "Measure what the run in this folder measured, in the same order and with the same random arrivals "
                    "(its settings in run.json). Goes only with --out, --pcap, --quiet and --dry-run.",
            .completes = Completes::files},
           {.name = "--quiet", .value = "", .destination = &flags.quiet, .help = "Show no progress on stderr."},
           {.name = "--dry-run",
            .value = "",
            .destination = &flags.dry_run,
            .help = "Print the waves and the expected time, and run nothing."}}};
}

// --repeat has settings of its own.
void exclude_settings(std::vector<FlagGroup>& groups) {
  std::vector<std::string> settings;
  for (const FlagGroup& group : groups)
    for (const Flag& flag : group.flags)
      if (is_setting(flag)) settings.push_back(flag.name);
  for (FlagGroup& group : groups)
    for (Flag& flag : group.flags)
      if (flag.name == "--repeat") flag.excludes = settings;
}

}  // namespace

bool is_setting(const Flag& flag) {
  constexpr const char* others[] = {"--out", "--pcap", "--quiet", "--dry-run", "--repeat"};
  return std::ranges::find(others, flag.name) == std::end(others);
}

std::vector<FlagGroup> describe(RunFlags& flags) {
  std::vector<FlagGroup> groups{what_to_measure(flags), load(flags), surroundings(flags), records(flags)};
  exclude_settings(groups);
  return groups;
}

}  // namespace connbench
