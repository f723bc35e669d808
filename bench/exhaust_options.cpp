#include "bench/exhaust_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/commands.h"
#include "bench/flags.h"
#include "bench/selection.h"
#include "harness/exhaust/meter.h"
#include "harness/exhaust/ramp_child.h"
#include "harness/machine/machine.h"
#include "harness/machine/memory.h"
#include "harness/support/proc_file.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

constexpr size_t most_pending = 1'000'000;
constexpr size_t usual_pending = 5'000;
constexpr size_t usual_step = 400;  // enough for a p99 of each step
constexpr uint64_t bytes_of_a_thread =
    64 * 1024;  // about 32 KiB: stack, kernel stack, slab, page tables; and as much to spare
constexpr uint64_t mebibyte = 1U << 20;
constexpr uint64_t room_for_the_harness = 16 * mebibyte;  // slots, samples, what the C library maps

Resource parse_resource(const std::string& text) {
  one_of("exhaust", text, {"threads", "fds", "ports", "memory"});
  return text == "threads" ? Resource::threads
         : text == "fds"   ? Resource::fds
         : text == "ports" ? Resource::ports
                           : Resource::memory;
}

// What the machine allows, less what is left to others. Where a container allows few, the others are few too.
Limit machine_threads() {
  Limit limit = thread_limit();
  if (const auto memory = memory_available(); memory && memory->value / bytes_of_a_thread < limit.value)
    limit = {memory->value / bytes_of_a_thread, memory->name, memory->how_to_raise};
  const uint64_t left = std::min(threads_left_to_others, limit.value / 4);
  limit.value -= left;
  limit.name = fmt::format("{}, less {} left to others", limit.name, left);
  return limit;
}

uint64_t usual_limit(Resource resource) {
  switch (resource) {
    case Resource::threads:
      return std::min<uint64_t>(512, machine_threads().value);
    case Resource::fds:
      return std::min<uint64_t>(1024, descriptor_limit().value);
    case Resource::ports:
      return 1024;
    case Resource::memory:
      return std::max(256 * mebibyte, (address_space() / mebibyte + 64) * mebibyte);
  }
  return 0;
}

void refuse_below(uint64_t limit, uint64_t smallest, std::string_view shown, std::string_view needs) {
  if (limit >= smallest) return;
  throw std::invalid_argument(
      fmt::format("--limit: {} is less than the harness itself needs ({}): at least {}", limit, needs, shown));
}

void refuse_above(uint64_t limit, const Limit& machine) {
  if (limit <= machine.value) return;
  throw std::invalid_argument(fmt::format("--limit: {} is beyond what this machine allows: {} by {}. Lower it, or {}",
                                          limit, machine.value, machine.name, machine.how_to_raise));
}

Limit machine_allows(Resource resource) {
  switch (resource) {
    case Resource::threads:
      return machine_threads();
    case Resource::fds:
      return descriptor_limit();
    case Resource::ports:
      return {ephemeral_port_count(), "net.ipv4.ip_local_port_range", ""};
    case Resource::memory:
      break;
  }
  throw std::invalid_argument(
      "--to-the-end: at the end of this machine's memory the kernel kills processes; give memory a --limit");
}

// At the end of the memory the kernel kills processes, and not only this one. What a process may map need not be free,
// but it must be there: a limit above it is never reached.
Limit all_memory() {
  return memory_limit().value_or(Limit{UINT64_MAX, "its memory", "add some"});
}

// The process may use all that it may map, and the kernel uses some for its sockets.
void refuse_beyond_free(uint64_t limit) {
  const auto free = memory_available();
  if (!free || limit <= free->value) return;
  throw MachineLacks(fmt::format(
      "--limit: {} MiB are allowed, but only {} MiB are left ({}): before the process runs into its limit, the "
      "kernel would kill it, or another one. Lower it, or {}",
      limit / mebibyte, free->value / mebibyte, free->name, free->how_to_raise));
}

void check_limit(Resource resource, uint64_t limit) {
  switch (resource) {
    case Resource::threads:
      refuse_below(limit, 2, "2", "its own thread, and one for an attempt");
      return refuse_above(limit, machine_threads());
    case Resource::fds: {
      const size_t smallest = descriptors_of_a_ramp() + 1;
      refuse_below(limit, smallest, fmt::format("{}", smallest), "its files, and one for an attempt");
      return refuse_above(limit, descriptor_limit());
    }
    case Resource::ports:
      return refuse_above(limit, {most_ports_of_a_limit, "the ports that no server of the run has",
                                  "take all of them with --to-the-end"});
    case Resource::memory: {
      const uint64_t smallest = (address_space() + room_for_the_harness) / mebibyte + 1;
      refuse_below(limit, smallest * mebibyte, fmt::format("{}MiB", smallest), "code, libraries, records");
      refuse_above(limit, all_memory());
      return refuse_beyond_free(limit);
    }
  }
}

void choose_limit(const ExhaustFlags& flags, ExhaustOptions& options) {
  if (flags.to_the_end) {
    if (!flags.limit.empty()) throw std::invalid_argument("--limit and --to-the-end contradict each other: give one");
    const Limit machine = machine_allows(options.resource);
    options.limit = machine.value;
    options.machine_limit = machine.name;
    return;
  }
  if (flags.limit.empty())
    options.limit = usual_limit(options.resource);
  else if (options.resource == Resource::memory)
    options.limit = for_flag("--limit", [&] { return parse_size(flags.limit); });
  else
    options.limit = read_count("--limit", flags.limit, UINT64_MAX);
  try {
    check_limit(options.resource, options.limit);
  } catch (const std::invalid_argument& error) {  // nobody asked for the usual limit by name
    if (flags.limit.empty()) throw MachineLacks(error.what());
    throw;
  }
}

size_t usual_step_of(const ExhaustOptions& options) {
  const size_t reach =
      options.resource == Resource::memory ? options.pending : std::min<size_t>(options.pending, options.limit);
  const size_t step = reach >= usual_step ? usual_step : std::max<size_t>(1, reach / 4);
  return std::max(step, options.pending / most_steps + 1);
}

FlagGroup what_runs_out(ExhaustFlags& flags) {
  return {"What runs out",
          {{.name = "RESOURCE",
            .value = "",
            .destination = &flags.resource,
            .help = "threads, fds, ports or memory",
            .choices = {"threads", "fds", "ports", "memory"}},
           {.name = "--limit",
            .value = "N|SIZE",
            .destination = &flags.limit,
            .help = "Limit of the process that connects: threads, descriptors, ports, or bytes of address space.",
            .shown_default = "512 threads, 1024 descriptors, 1024 ports, 256MiB"},
           {.name = "--to-the-end",
            .value = "",
            .destination = &flags.to_the_end,
            .help = "No limit but this machine's own (1024 of its threads stay free, or a quarter of fewer). Not for "
                    "memory."}}};
}

FlagGroup ramp(ExhaustFlags& flags) {
  return {
      "Ramp",
      {{.name = "--connector",
        .value = "LIST",
        .destination = CommaList{&flags.connectors},
        .help = "Connectors, with their options; groups (threads, pools, processes, loops, libraries, "
                "baselines), globs, all.",
        .completes = Completes::connectors},
       {.name = "--pending",
        .value = "N",
        .destination = &flags.pending,
        .help = "Dead attempts to start, unless something stops them earlier.",
        .shown_default = "5000; with --to-the-end, one more than the limit"},
       {.name = "--step",
        .value = "N",
        .destination = &flags.step,
        .help = "Attempts between two rows of the record.",
        .shown_default = "400, or a quarter of a smaller limit"},
       {.name = "--healthy",
        .value = "N",
        .destination = &flags.healthy,
        .help = "Connects to a healthy host, before the dead attempts and beside them."},
       {.name = "--timeout",
        .value = "TIME",
        .destination = &flags.timeout,
        .help = "Deadline of a dead attempt, counted from its start."},
       {.name = "--repetitions", .value = "N", .destination = &flags.repetitions, .help = "Ramps of each connector."},
       {.name = "--family",
        .value = "FAMILY",
        .destination = &flags.family,
        .help = "Address family: 4, 6, unix.",
        .choices = {"4", "6", "unix"}}}};
}

FlagGroup records(ExhaustFlags& flags) {
  return {"Records",
          {{.name = "--out",
            .value = "FOLDER",
            .destination = &flags.out,
            .help = "Folder for the records.",
            .shown_default = "results/<time>-<id>",
            .completes = Completes::files},
           {.name = "--quiet", .value = "", .destination = &flags.quiet, .help = "Show no progress on stderr."},
           {.name = "--seed",
            .value = "N",
            .destination = &flags.seed,
            .help = "Seed of the order of the ramps.",
            .shown_default = "random, and recorded"}}};
}

}  // namespace

std::vector<FlagGroup> describe(ExhaustFlags& flags) {
  return {what_runs_out(flags), ramp(flags), records(flags)};
}

ExhaustOptions parse(const ExhaustFlags& flags) {
  constexpr Range<Duration> up_to_an_hour{Duration(1), std::chrono::hours(1)};
  ExhaustOptions options{.resource = parse_resource(flags.resource),
                         .limit = 0,
                         .machine_limit = "",
                         .connectors = select_connectors(flags.connectors),
                         .pending = usual_pending,
                         .step = 0,
                         .healthy = read_count("--healthy", flags.healthy, 100'000),
                         .timeout = read_time("--timeout", flags.timeout, up_to_an_hour),
                         .repetitions = static_cast<unsigned>(read_count("--repetitions", flags.repetitions, 10'000)),
                         .family = read_family("--family", flags.family, {"4", "6", "unix"}),
                         .out = flags.out.empty() ? std::nullopt : std::optional<std::filesystem::path>(flags.out),
                         .seed = read_seed(flags.seed),
                         .progress = flags.quiet ? ProgressLine::Wanted::no : ProgressLine::Wanted::yes};
  choose_limit(flags, options);
  if (flags.to_the_end) options.pending = std::min<size_t>(options.limit + 1, most_pending);
  if (!flags.pending.empty()) options.pending = read_count("--pending", flags.pending, most_pending);
  options.step = flags.step.empty() ? usual_step_of(options) : read_count("--step", flags.step, most_pending);
  if (options.pending / options.step > most_steps)
    refuse_flag("--step", fmt::format("{} attempts in steps of {} make more than {} rows", options.pending,
                                      options.step, most_steps));
  return options;
}

}  // namespace connbench
