#include "bench/exhaust_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "bench/flags.h"
#include "harness/exhaust/meter.h"
#include "harness/exhaust/ramp_child.h"
#include "harness/machine/machine.h"
#include "harness/support/proc_file.h"
#include "harness/support/units.h"

namespace connbench {
namespace {

constexpr size_t most_pending = 1'000'000;
constexpr size_t usual_pending = 5'000;
constexpr size_t usual_step = 400;        // enough for a p99 of each step
constexpr uint64_t kib_of_a_thread = 64;  // about 32: stack, kernel stack, slab, page tables; and as much to spare
constexpr uint64_t mebibyte = 1U << 20;
constexpr uint64_t room_for_the_harness = 16 * mebibyte;  // seats, samples, what the C library maps

Resource parse_resource(const std::string& text) {
  one_of("exhaust", text, {"threads", "fds", "ports", "memory"});
  return text == "threads" ? Resource::threads
         : text == "fds"   ? Resource::fds
         : text == "ports" ? Resource::ports
                           : Resource::memory;
}

uint64_t usual_limit(Resource resource) {
  switch (resource) {
    case Resource::threads:
      return 512;
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

// What the machine itself allows, less what others are to have.
Limit machine_threads() {
  Limit limit = thread_limit();
  const int64_t free_kib = number_after(read_text("/proc/meminfo").value_or(""), "MemAvailable:");
  const auto by_memory = static_cast<uint64_t>(std::max<int64_t>(0, free_kib)) / kib_of_a_thread;
  if (free_kib >= 0 && by_memory < limit.value) limit = {by_memory, "the memory that is free", "free some"};
  limit.value = limit.value > threads_left_to_others ? limit.value - threads_left_to_others : 0;
  limit.name = fmt::format("{}, less {} that stay free for others", limit.name, threads_left_to_others);
  return limit;
}

Limit machine_allows(Resource resource) {
  switch (resource) {
    case Resource::threads:
      return machine_threads();
    case Resource::fds:
      return descriptor_limit();
    case Resource::ports:
      return {ephemeral_ports().size(), "net.ipv4.ip_local_port_range", ""};
    case Resource::memory:
      break;
  }
  throw std::invalid_argument(
      "--to-the-end: the end of this machine's memory is the kernel killing processes: give memory a --limit");
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
      return refuse_above(limit, {most_ports_of_a_limit, "the ports below the kernel's usual range",
                                  "take all that there are: --to-the-end"});
    case Resource::memory: {
      const uint64_t smallest = (address_space() + room_for_the_harness) / mebibyte + 1;
      refuse_below(limit, smallest * mebibyte, fmt::format("{}MiB", smallest), "code, libraries, records");
    }
  }
}

void choose_limit(const ExhaustFlags& flags, ExhaustOptions& options) {
  const bool bytes = options.resource == Resource::memory;
  if (flags.to_the_end) {
    if (!flags.limit.empty()) throw std::invalid_argument("--limit and --to-the-end contradict each other: give one");
    const Limit machine = machine_allows(options.resource);
    options.limit = machine.value;
    options.machine_limit = machine.name;
    return;
  }
  options.limit = flags.limit.empty()
                      ? usual_limit(options.resource)
                      : flag("--limit", [&] { return bytes ? parse_size(flags.limit) : parse_count(flags.limit); });
  check_limit(options.resource, options.limit);
}

size_t usual_step_of(const ExhaustOptions& options) {
  const size_t reach =
      options.resource == Resource::memory ? options.pending : std::min<size_t>(options.pending, options.limit);
  const size_t step = reach >= usual_step ? usual_step : std::max<size_t>(1, reach / 4);
  return std::max(step, options.pending / most_steps + 1);
}

std::vector<NamedConnector> parse_connectors(const std::vector<std::string>& names) {
  refuse_repetition("--connector", names);
  return each<NamedConnector>("--connector", names, find_connector);
}

Family parse_family(const std::string& text) {
  one_of("--family", text, {"4", "6", "unix"});
  return text == "4" ? Family::ipv4 : text == "6" ? Family::ipv6 : Family::unix_domain;
}

}  // namespace

void declare(CLI::App& command, ExhaustFlags& flags) {
  const auto one = [&](const char* name, std::string& value, const char* help) {
    return command.add_option(name, value, help);
  };
  one("resource", flags.resource, "what is to run out: threads, fds, ports, memory")->required();
  one("--limit", flags.limit,
      "of the process that connects: threads [512], descriptors [1024], ports [1024], address space [256MiB]");
  command.add_flag("--to-the-end", flags.to_the_end,
                   "no limit but this machine's (of its threads, 1024 stay free); not for memory");
  command.add_option("--connector", flags.connectors, "ways to connect, with options")
      ->delimiter(',')
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->capture_default_str();
  one("--pending", flags.pending,
      "dead attempts to start, if nothing stops it [5000; to the end: one more than the limit]");
  one("--step", flags.step, "attempts between two rows of the record [400, or a quarter of a smaller limit]");
  one("--healthy", flags.healthy, "healthy connects, before and beside the dead ones")->capture_default_str();
  one("--timeout", flags.timeout, "of a dead attempt, from its start")->capture_default_str();
  one("--repetitions", flags.repetitions, "ramps of each way to connect")->capture_default_str();
  one("--family", flags.family, "4, 6, unix")->capture_default_str();
  command.add_option("--seed", flags.seed, "of the order [random, and recorded]")->check(not_negative);
  one("--out", flags.out, "folder for the records [results/<time>-<id>]");
}

ExhaustOptions parse(const ExhaustFlags& flags) {
  const auto count = [](std::string_view name, const std::string& text, size_t most) {
    return at_most(name, flag(name, [&] { return parse_count(text); }), most, fmt::format("{}", most));
  };
  ExhaustOptions options{.resource = parse_resource(flags.resource),
                         .limit = 0,
                         .machine_limit = "",
                         .connectors = parse_connectors(flags.connectors),
                         .pending = usual_pending,
                         .step = 0,
                         .healthy = count("--healthy", flags.healthy, 100'000),
                         .timeout = flag("--timeout", [&] { return parse_duration(flags.timeout); }),
                         .repetitions = static_cast<unsigned>(count("--repetitions", flags.repetitions, 10'000)),
                         .family = parse_family(flags.family),
                         .out = flags.out.empty() ? std::nullopt : std::optional<std::filesystem::path>(flags.out),
                         .seed = flags.seed ? *flags.seed : std::random_device{}()};
  if (options.timeout <= Duration::zero()) throw std::invalid_argument("--timeout: must be longer than nothing");
  at_most("--timeout", options.timeout, Duration(std::chrono::hours(1)), "an hour (60min)");
  choose_limit(flags, options);
  if (flags.to_the_end) options.pending = std::min<size_t>(options.limit + 1, most_pending);
  if (!flags.pending.empty()) options.pending = count("--pending", flags.pending, most_pending);
  options.step = flags.step.empty() ? usual_step_of(options) : count("--step", flags.step, most_pending);
  if (options.pending / options.step > most_steps)
    throw std::invalid_argument(fmt::format("--step: {} attempts in steps of {} make more than {} rows",
                                            options.pending, options.step, most_steps));
  return options;
}

}  // namespace connbench
