// One thread that never sleeps: it calls connect() on every socket in flight again and again until the result is known.
// Choose it where a processor has nothing else to do. It serves as the example because it needs nothing but connect().
#include <errno.h>
#include <sys/socket.h>

#include <utility>

#include "harness/connector/make_connector.h"
#include "harness/support/unique_fd.h"

namespace connbench::connectors {
namespace {

class MyWay final : public Connector {
 public:
  explicit MyWay(const ConnectorSettings& settings) : most_(settings.max_in_flight), retirement_(settings.retirement) {
    trying_.reserve(most_);
    done_.reserve(most_);
  }

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::wait, .granularity = Duration(1)};
  }

  size_t submit(std::span<const Attempt> attempts) override {
    size_t taken = 0;
    for (; taken < attempts.size() && in_flight() < most_; ++taken) begin(attempts[taken]);
    return taken;
  }

  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override {
    while (!trying_.empty()) {
      const TimePoint time = now();
      for (size_t i = trying_.size(); i-- > 0;) check(i, time);
      if (!done_.empty() || time >= wait_until) break;
    }
    completions.insert(completions.end(), done_.begin(), done_.end());
    const size_t count = done_.size();
    done_.clear();
    return count;
  }

  void cancel_all() override {
    while (!trying_.empty()) end(trying_.size() - 1, {.call = Call::wait, .cancelled = true});
  }

  size_t in_flight() const override { return trying_.size() + done_.size(); }

 private:
  struct Trying {
    UniqueFd fd{-1};
    const Endpoint* to = nullptr;
    uint64_t id = 0;
    TimePoint started{};
    TimePoint deadline{};
  };

  void begin(const Attempt& attempt) {
    const Endpoint& to = attempt.endpoints.front();
    const TimePoint started = now();
    UniqueFd fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    Evidence evidence{.call = Call::socket, .error = fd ? 0 : errno};
    if (fd) evidence = {.call = Call::connect, .error = connect(fd, to)};
    trying_.push_back({std::move(fd), &to, attempt.id, started, started + attempt.timeout});
    if (evidence.call == Call::socket || evidence.error != EINPROGRESS) end(trying_.size() - 1, evidence);
  }

  // An entry that has ended is replaced by the last one, so the table is scanned from the back.
  void check(size_t index, TimePoint time) {
    const Trying& trying = trying_[index];
    const int error = connect(trying.fd, *trying.to);
    if (error != EALREADY) return end(index, {.call = Call::so_error, .error = error});
    if (time >= trying.deadline) end(index, {.call = Call::wait, .deadline_passed = true});
  }

  // Returns errno, 0 = connected. EINPROGRESS: the handshake has begun. EALREADY: it continues.
  static int connect(const UniqueFd& fd, const Endpoint& to) {
    return ::connect(fd.get(), to.address(), to.size()) == 0 ? 0 : errno;
  }

  void end(size_t index, Evidence evidence) {
    Trying& trying = trying_[index];
    evidence.family = trying.to->family();
    Completion& completion = done_.emplace_back();
    completion.id = trying.id;
    completion.started = trying.started;
    completion.finished = now();
    completion.result = classify(evidence);
    retirement_.retire(std::move(trying.fd), completion);
    std::swap(trying, trying_.back());
    trying_.pop_back();
  }

  size_t most_;
  Retirement& retirement_;
  std::vector<Trying> trying_;
  std::vector<Completion> done_;
};

}  // namespace

extern const ConnectorEntry my_way;
const ConnectorEntry my_way{
    .name = "my-way",
    .summary = "one thread that never sleeps: calls connect() again and again",
    .options = {},
    .probe = works_everywhere,
    .make = make_connector<MyWay>,
};

}  // namespace connbench::connectors
