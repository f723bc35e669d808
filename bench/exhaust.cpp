// connbench exhaust: where each way to connect breaks, and how it comes back.
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "bench/commands.h"
#include "bench/exhaust_options.h"
#include "bench/exhaust_table.h"
#include "bench/run_description.h"
#include "harness/lab/lab.h"
#include "harness/machine.h"
#include "harness/plan.h"
#include "harness/record/lab_json.h"
#include "harness/stop_signal.h"
#include "harness/units.h"

namespace connbench {
namespace {

// Deadlines further away than this are not waited for: the attempts are cancelled.
constexpr Duration longest_wait = std::chrono::seconds(5);

constexpr size_t descriptors_of_the_harness = 64;

// More than one descriptor table holds are spread over several, where it is not the descriptors that are to run out.
size_t per_table(const ExhaustOptions& options) {
  const size_t descriptors = descriptor_limit().value - descriptors_of_the_harness;
  return options.resource == Resource::threads && options.pending > descriptors ? descriptors : SIZE_MAX;
}

// Where the ramp goes, and what else had to be said about it.
struct Ground {
  lab::Lab* lab = nullptr;
  std::string why_no_lab{};
  std::string_view dead_target() const { return lab == nullptr ? "backlog-full" : "blackhole"; }
  std::string describe(Family family) const {
    const std::string where = lab != nullptr ? "blackhole, in the lab" : "backlog-full, on loopback";
    return fmt::format("{} ({}){}", where,
                       family == Family::unix_domain ? "UNIX"
                       : family == Family::ipv6      ? "IPv6"
                                                     : "IPv4",
                       why_no_lab.empty() ? "" : fmt::format("; there is no lab: {}", why_no_lab));
  }
};

// One ramp, or why it cannot be run.
struct Planned {
  const NamedConnector* connector;
  std::string skipped{};
  Traits traits{};
  size_t capacity = 0;
};

std::string why_skipped(const ExhaustOptions& options, Planned& planned) {
  const ConnectorEntry& entry = *planned.connector->entry;
  if (options.resource == Resource::ports && options.family == Family::unix_domain) return "UNIX sockets have no ports";
  if (!entry.serves(options.family))
    return fmt::format("{} has no way to connect on family {}", entry.name, to_string(options.family));
  const TraitsAnswer answer = ask_traits(*planned.connector);
  if (!answer.traits) return fmt::format("cannot be made: {}", answer.why_not);
  planned.traits = *answer.traits;
  if (!planned.traits.opens_sockets) return "opens no sockets, and exhausts nothing";
  if (planned.traits.completes_in_submit) return "has one attempt under way at a time: nothing piles up";
  // One more than the dead ones, for a healthy one beside them; a limit of its own is one that the ramp runs into.
  planned.capacity = std::min(options.pending, per_table(options)) + 1;
  if (planned.traits.max_in_flight != 0) planned.capacity = std::min(planned.capacity, planned.traits.max_in_flight);
  if (options.resource == Resource::fds) planned.capacity = std::min<size_t>(planned.capacity, options.limit);
  Retirement retirement({}, 0);
  return entry.probe({planned.connector->options, planned.capacity, retirement}).value_or("");
}

std::vector<Planned> plan_ramps(const ExhaustOptions& options) {
  std::vector<Planned> ramps;
  for (const NamedConnector& connector : options.connectors) {
    Planned& planned = ramps.emplace_back(Planned{.connector = &connector});
    planned.skipped = why_skipped(options, planned);
  }
  return ramps;
}

// One line on the terminal while a ramp goes on, and a look at all that it needs.
class Watch final : public RampParent {
 public:
  Watch(StopSignal& stop, ExhaustionRecorder& recorder) : stop_(stop), recorder_(recorder) {
    watched_.push_back({stop.fd(), POLLIN, 0});
  }
  ~Watch() override { clear(); }

  void watch(pid_t pid, std::string name) {
    if (pid == 0) return;
    pidfds_.emplace_back(checked(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open"));
    watched_.push_back({pidfds_.back().get(), POLLIN, 0});
    names_.push_back(std::move(name));
  }

  bool should_stop() override { return ::poll(watched_.data(), watched_.size(), 0) > 0; }

  std::string died() {
    should_stop();
    for (size_t i = 1; i < watched_.size(); ++i)
      if (watched_[i].revents != 0) return names_[i - 1];
    return "";
  }
  int signal() { return stop_.pending(); }

  void begin(RampName name) {
    name_ = std::move(name);
    first_.reset();
    show(0);
  }
  const RampName& name() const { return name_; }
  const std::optional<RampStep>& first() const { return first_; }

  void on_step(const RampStep& step) override {
    if (!first_) first_ = step;
    recorder_.step(name_, step);
    show(step.pending);
  }

  void clear() {
    if (shown_) fmt::print(stderr, "\r\033[K");
    shown_ = false;
  }

 private:
  void show(uint64_t pending) {
    if (!terminal_) return;
    fmt::print(stderr, "\r\033[K{}: repetition {}, {} pending", name_.connector, name_.repetition, pending);
    std::fflush(stderr);
    shown_ = true;
  }

  StopSignal& stop_;
  ExhaustionRecorder& recorder_;
  std::vector<UniqueFd> pidfds_;
  std::vector<std::string> names_;
  std::vector<pollfd> watched_;  // the signal, then who has a pidfd
  RampName name_{};
  std::optional<RampStep> first_{};
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

// The ramps of one run.
class Ramps {
 public:
  Ramps(const ExhaustOptions& options, ResourceLimit& limit, const Ground& ground, ExhaustionRecorder& recorder,
        StopSignal& stop)
      : options_(options), limit_(limit), ground_(ground), recorder_(recorder), watch_(stop, recorder) {
    const size_t at_once = options.resource == Resource::ports ? 1 : options.pending;  // one host's ports run out
    dead_ = open(ground.dead_target(), at_once);
    healthy_ = open("accepting", 1);
    if (ground.lab != nullptr)
      for (const auto& [pid, name] : ground.lab->watched()) watch_.watch(pid, name);
    limit.prepare();
  }

  // Repetition by repetition, each in an order of its own.
  void run(const std::vector<Planned>& ramps) {
    for (const Planned& planned : ramps)
      if (!planned.skipped.empty()) skip(planned);
    for (unsigned repetition = 1; repetition <= options_.repetitions; ++repetition)
      for (const size_t which : seeded_order(ramps.size(), options_.seed + repetition))
        if (ramps[which].skipped.empty() && !watch_.should_stop()) one(ramps[which], repetition);
    watch_.clear();
    std::ranges::stable_sort(verdicts_, {}, [&](const Verdict& verdict) {
      return std::ranges::find(options_.connectors, verdict.name.connector, &NamedConnector::name);
    });
  }

  const std::vector<Verdict>& verdicts() const { return verdicts_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  Watch& watch() { return watch_; }
  void warn(std::string warning) {
    recorder_.warn(warning);
    warnings_.push_back(std::move(warning));
  }

 private:
  std::unique_ptr<Target> open(std::string_view name, size_t at_once) {
    auto target = find_target(name).open({.family = options_.family, .open_at_once = at_once, .lab = ground_.lab});
    watch_.watch(target->server(), fmt::format("the server of {}", name));
    return target;
  }

  RampName name_of(const Planned& planned, unsigned repetition) const {
    return {.connector = planned.connector->name,
            .resource = std::string(to_string(options_.resource)),
            .limit_kind = std::string(limit_.kind()),
            .limit = limit_.value(),
            .repetition = repetition};
  }

  void skip(const Planned& planned) {
    recorder_.skip({planned.connector->name, std::string(ground_.dead_target()), options_.family, options_.pending,
                    planned.skipped, ""});
    Verdict& verdict = verdicts_.emplace_back();
    verdict.name = name_of(planned, 0);
    verdict.skipped = planned.skipped;
  }

  RampPlan plan_for(const Traits& traits) const {
    const Duration lasts = std::max(options_.timeout, traits.floor) + traits.granularity;
    return {.make = nullptr,
            .dead = dead_->endpoints(),
            .healthy = healthy_->endpoints(),
            .most = options_.pending,
            .per_table = per_table(options_),
            .step = options_.step,
            .healthy_attempts = options_.healthy,
            .timeout = options_.timeout,
            .lasts = traits.has_deadline() ? lasts : Duration{},
            // What is in other tables is not asked whether its deadline has passed.
            .by_deadline = traits.has_deadline() && lasts <= longest_wait && per_table(options_) == SIZE_MAX,
            .measure = nullptr,
            .on_step = nullptr};
  }

  void one(const Planned& planned, unsigned repetition) {
    const RampName name = name_of(planned, repetition);
    watch_.begin(name);
    const bool drops = ground_.lab != nullptr && ground_.lab->rights() == lab::Rights::user_space;
    RampResult result = run_ramp({.connector = planned.connector,
                                  .capacity = planned.capacity,
                                  .policy = {},
                                  .limit = &limit_,
                                  .drop_capabilities = drops,
                                  .plan = plan_for(planned.traits)},
                                 watch_);
    if (result.last) recorder_.end(name, *result.last, result.end);
    if (!result.failure.empty())
      recorder_.fail({.scenario = fmt::format("exhaust:{}", name.resource),
                      .connector = name.connector,
                      .target = std::string(ground_.dead_target()),
                      .family = options_.family,
                      .concurrency = options_.pending,
                      .shards = 1,
                      .attempts = options_.pending,
                      .timeout = options_.timeout},
                     repetition, result.failure);
    if (result.end.ended_otherwise > 0)
      warn(fmt::format("{}: {} of the attempts that nobody was to answer ended by themselves (the first: {})",
                       name.connector, result.end.ended_otherwise, to_string(result.end.otherwise)));
    Verdict& verdict = verdicts_.emplace_back();
    verdict.name = name;
    verdict.first = watch_.first() ? watch_.first() : result.last;
    verdict.result = std::move(result);
  }

  const ExhaustOptions& options_;
  ResourceLimit& limit_;
  const Ground& ground_;
  ExhaustionRecorder& recorder_;
  Watch watch_;
  std::unique_ptr<Target> dead_;
  std::unique_ptr<Target> healthy_;
  std::vector<Verdict> verdicts_;
  std::vector<std::string> warnings_;
};

RunInfo describe_run(const ExhaustOptions& options, const Ground& ground, std::string run_id) {
  return {.run_id = std::move(run_id),
          .command_line = own_command_line(),
          .seed = options.seed,
          .network = ground.lab != nullptr ? "lab" : "host",
          .repetitions = options.repetitions,
          .usual_timeout = options.timeout,
          .samples = SamplesKept::none,
          .origin = Origin::now(),
          .environment = describe_environment()};
}

nlohmann::ordered_json describe_choice(const ExhaustOptions& options, const ResourceLimit& limit,
                                       const Ground& ground) {
  return {{"resource", to_string(options.resource)},
          {"limit_kind", limit.kind()},
          {"limit", limit.value()},
          {"chosen", limit.describe()},
          {"target", ground.dead_target()},
          {"family", to_string(options.family)},
          {"attempts", options.pending},
          {"timeout_ns", options.timeout.count()}};
}

int report(Ramps& ramps, const ExhaustionRecorder& recorder) {
  fmt::print("{}", verdict_table(ramps.verdicts()));
  for (const std::string& warning : ramps.warnings()) fmt::print("warning: {}\n", warning);
  fmt::print("records: {}\n", recorder.folder().path().string());
  std::fflush(stdout);
  if (const int signal = ramps.watch().signal(); signal != 0) {
    fmt::print(stderr, "connbench: interrupted; the records say \"complete\": false\n");
    return signal_base + signal;
  }
  if (const std::string died = ramps.watch().died(); !died.empty()) {
    fmt::print(stderr, "connbench: {} died; what was measured so far is recorded, the rest was not run\n", died);
    return broke;
  }
  const bool fine = std::ranges::all_of(ramps.verdicts(), [](const Verdict& v) { return v.result.failure.empty(); });
  return fine ? done : check_failed;
}

int measure(const ExhaustOptions& options, ResourceLimit& limit, const Ground& ground) {
  if (options.family == Family::ipv6 && ground.lab != nullptr && !ground.lab->has_ipv6())
    throw MachineLacks("this machine has no IPv6");
  const std::vector<Planned> planned = plan_ramps(options);
  if (std::ranges::none_of(planned, [](const Planned& p) { return p.skipped.empty(); }))
    throw MachineLacks(fmt::format("nothing of what was asked can be run here: {}: {}", planned.front().connector->name,
                                   planned.front().skipped));
  StopSignal stop;
  const std::string run_id = new_run_id();
  ExhaustionRecorder recorder(RunFolder(options.out.value_or(default_run_folder(run_id))),
                              describe_run(options, ground, run_id), describe_choice(options, limit, ground));
  if (ground.lab != nullptr) recorder.lab(describe_lab(*ground.lab));
  fmt::print("exhausting {}: {}\n{}, {} attempts at most, timeout {}\n\n", to_string(options.resource),
             limit.describe(), ground.describe(options.family), options.pending, format_duration(options.timeout));
  std::fflush(stdout);
  Ramps ramps(options, limit, ground, recorder, stop);
  if (!ground.why_no_lab.empty()) ramps.warn(fmt::format("there is no lab: {}", ground.why_no_lab));
  ramps.run(planned);
  if (ground.lab != nullptr) recorder.lab(describe_lab(*ground.lab));
  recorder.finish(!ramps.watch().should_stop(), describe_load());
  return report(ramps, recorder);
}

std::unique_ptr<ResourceLimit> make_limit(const ExhaustOptions& options) {
  try {
    const bool to_the_end = !options.machine_limit.empty();
    switch (options.resource) {
      case Resource::threads:
        return limit_threads(options.limit);
      case Resource::fds:
        return to_the_end ? machine_limit(options.limit, options.machine_limit) : limit_descriptors(options.limit);
      case Resource::ports:
        return to_the_end ? machine_limit(options.limit, options.machine_limit) : limit_ports(options.limit);
      case Resource::memory:
        return limit_address_space(options.limit);
    }
    throw std::logic_error("a resource without a limit");
  } catch (const CannotLimit& cannot) {
    throw MachineLacks(fmt::format("{} cannot be limited here: {}", to_string(options.resource), cannot.reason));
  }
}

// A blackhole is the lab's. Without one there is loopback's, except where the limit itself is of a network.
int exhaust(const ExhaustFlags& flags) {
  raise_descriptor_limit();
  const ExhaustOptions options = parse(flags);
  const auto limit = make_limit(options);
  if (options.family == Family::unix_domain) return measure(options, *limit, {});
  try {
    return lab::run_in_lab({.seed = options.seed}, [&](lab::Lab& lab) {
      return guarded([&] { return measure(options, *limit, {.lab = &lab}); });
    });
  } catch (const lab::Unavailable& error) {
    if (options.resource == Resource::ports)
      throw MachineLacks(fmt::format("ports are those of a network of its own: {}", error.what()));
    return measure(options, *limit, {.why_no_lab = error.what()});
  }
}

}  // namespace

void add_exhaust(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("exhaust", "where each way to connect breaks, and how it comes back");
  auto flags = std::make_shared<ExhaustFlags>();
  declare(*command, *flags);
  command->footer(
      "Starts attempts at hosts that never answer, in a process with a limit of its own, until something runs out;\n"
      "then tries healthy connects beside them, lets them go, and tells when a healthy one gets through again.\n"
      "The limit is RLIMIT_NPROC, or pids.max of a cgroup for root; RLIMIT_NOFILE; RLIMIT_AS; the lab's port range.\n"
      "Exit status: 0 done, 1 a ramp failed, 2 unusable arguments, 3 the machine lacks what was asked, 5 the run "
      "broke.\n"
      "Example: connbench exhaust threads --limit 512");
  command->callback([flags, &status] { status = exhaust(*flags); });
}

}  // namespace connbench
