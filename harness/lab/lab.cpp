#include "harness/lab/lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "harness/lab/link/link.h"
#include "harness/process/child_process.h"

namespace connbench::lab {
namespace {

constexpr Duration start_limit = std::chrono::seconds(30);  // milliseconds, unless the machine is overloaded
constexpr Duration stop_grace = std::chrono::milliseconds(500);

void wait_until_ready(const std::atomic<bool>& ready, const ServerProcess& process, const char* name) {
  const TimePoint end = now() + start_limit;
  while (!ready) {
    if (has_ended(process.pid()) || now() > end) {
      const std::string why = process.failure();
      throw Unavailable(fmt::format("the lab's {} did not start{}{}", name, why.empty() ? "" : ": ", why));
    }
    sleep_until(now() + std::chrono::microseconds(50));
  }
}

}  // namespace

// Memory that the lab's processes share.
struct Lab::State {
  LinkState link;
  CaptureState capture;
  std::atomic<size_t> blocks{0};  // allocated; child processes allocate blocks too
};

Lab::Lab(const Options& options, Rights rights)
    : shared_(std::make_unique<Shared<State>>()),
      network_(build_network(options.sysctls, options.fail_at)),
      rights_(rights),
      sysctls_(options.sysctls) {
  if (options.capture) show_blackhole(network_);
  LinkState& state = (*shared_)->link;
  state.seed = options.seed;
  link_.emplace(std::vector<UniqueFd>{}, options.cpus, [&state](std::span<const int>) {
    ::prctl(PR_SET_NAME, "connbench-link");
    run_link(near_end, far_end, state);
  });
  wait_until_ready(state.report.ready, *link_, "link");
  enter(network_.client);
}

Lab::~Lab() = default;

// The capture gets descriptors of both namespaces, which it has to enter.
void Lab::start_capture(int file) {
  CaptureState& state = (*shared_)->capture;
  std::vector<UniqueFd> copies;
  for (const int fd : {network_.client.get(), network_.server.get(), file})
    copies.emplace_back(checked(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl"));
  capture_.emplace(std::move(copies), std::vector<int>{}, [&](std::span<const int> fds) {
    ::prctl(PR_SET_NAME, "connbench-pcap");
    run_capture(UniqueFd(fds[0]), UniqueFd(fds[1]), UniqueFd(fds[2]), state);
  });
  captures_ = true;
  try {
    wait_until_ready(state.ready, *capture_, "capture");
  } catch (const Unavailable&) {
    if (state.error[0] != '\0') throw std::runtime_error(fmt::format("the capture failed: {}", state.error));
    throw;
  }
}

void Lab::finish_capture(const std::function<bool()>& should_stop) {
  if (!capture_) return;
  CaptureState& state = (*shared_)->capture;
  state.finish = true;
  TimePoint end = TimePoint::max();
  while (!has_ended(capture_->pid()) && now() < end) {
    if (end == TimePoint::max() && should_stop()) end = now() + stop_grace;
    sleep_until(now() + std::chrono::milliseconds(1));
  }
  const bool stuck = !has_ended(capture_->pid());
  capture_.reset();  // ends it if it still waits, and stops watching it
  if (stuck) throw std::runtime_error("the capture was cut short by a signal, while nobody read its file");
  if (state.error[0] != '\0') throw std::runtime_error(fmt::format("the capture failed: {}", state.error));
}

const CaptureState* Lab::capture_state() const noexcept {
  return captures_ ? &(*shared_)->capture : nullptr;
}

Block Lab::add_far(const LinkRule& rule) {
  const size_t block = (*shared_)->blocks++;
  if (block >= (*shared_)->link.rules.size())
    throw std::system_error(
        ENOSPC, std::generic_category(),
        fmt::format("all {} blocks of far addresses of the lab are in use", (*shared_)->link.rules.size()));
  (*shared_)->link.rules[block] = rule;
  return static_cast<Block>(block);
}

std::vector<Lab::Watched> Lab::watched() const {
  std::vector<Watched> all{{link_->pid(), "the lab's link"}};
  if (capture_) all.push_back({capture_->pid(), "the capture"});
  return all;
}

const LinkReport& Lab::link_report() const noexcept {
  return (*shared_)->link.report;
}

int run_in_lab(const Options& options, const std::function<int(Lab&)>& inside) {
  return run_in_capsule([&](Rights rights) {
    Lab lab(options, rights);
    return inside(lab);
  });
}

std::optional<std::string> why_no_lab() {
  try {
    run_in_lab({}, [](Lab&) { return 0; });
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace connbench::lab
