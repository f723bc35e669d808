// A process per attempt: fork(), and in the child a non-blocking connect() and ppoll() with the timeout. Choose it only
// where each connection needs a process of its own anyway: another user, a crash that must not spread, a library that
// is not safe in threads.
//
// Its traps: fork() takes the longer the more memory the parent has touched; processes count towards the limits of
// threads; a child that nobody waits for remains as a zombie, and one that is not told to would outlive its parent; and
// the connection belongs to the child, so that a parent that needs it must have its descriptor passed (`close` hold).
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "harness/connector/make_connector.h"
#include "harness/process/child_process.h"
#include "harness/process/shared.h"
#include "impl/sockets/completions.h"
#include "impl/sockets/timed_epoll.h"
#include "impl/threads/calls/calls.h"
#include "impl/threads/interrupting_signal.h"

namespace connbench::connectors {
namespace {

// How long children are given between two signals that cancel them: one that comes before the wait is lost.
constexpr Duration interrupt_interval = std::chrono::milliseconds(1);

// Passes connections from children to their parent. One of seqpacket, so that messages stay whole.
class Passage {
 public:
  Passage() {
    int ends[2];
    checked(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
    receiving_.reset(ends[0]);
    sending_.reset(ends[1]);
  }
  int receiving() const noexcept { return receiving_.get(); }

  void send(uint32_t index, int fd) const noexcept {
    Message message(index);
    cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    while (::sendmsg(sending_.get(), &message.header, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  // Calls function(index, descriptor) for everything that has been sent. The descriptor is -1 where this process has no
  // room for one more.
  template <class Function>
  void receive_all(Function function) const {
    for (Message message; ::recvmsg(receiving_.get(), &message.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0;
         message.reset()) {
      int fd = -1;
      const cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
      if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
      function(message.index, UniqueFd(fd));
    }
  }

 private:
  struct Message {
    explicit Message(uint32_t of = 0) : index(of) { reset(); }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    void reset() noexcept {
      header = {};
      header.msg_iov = &text;
      header.msg_iovlen = 1;
      header.msg_control = control;
      header.msg_controllen = sizeof control;
    }
    uint32_t index;
    iovec text{&index, sizeof index};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    msghdr header{};
  };

  UniqueFd receiving_{-1};
  UniqueFd sending_{-1};
};

class ForkPerAttempt final : public Connector {
 public:
  explicit ForkPerAttempt(const ConnectorSettings& settings)
      : retirement_(settings.retirement),
        setup_(settings.options),
        reports_(settings.max_in_flight),
        slots_(settings.max_in_flight) {
    install_interrupting_handler(cancelling_signal());
    free_.reserve(slots_.size());
    done_.reserve(slots_.size());
    for (size_t i = slots_.size(); i-- > 0;) free_.push_back(static_cast<uint32_t>(i));
    if (retirement_.policy().close != CloseMode::hold) return;
    passage_.emplace();
    if (const int error = epoll_.add(passage_->receiving(), passage_tag, EPOLLIN); error != 0)
      throw std::system_error(error, std::generic_category(), "epoll_ctl");
  }
  ~ForkPerAttempt() override {
    cancel_all();
    std::vector<Completion> dropped;
    while (live_ > 0) reap(dropped, TimePoint::max());
  }

  Capabilities capabilities() const override {
    Capabilities capabilities = poll_call_capabilities();
    capabilities.threads = Capabilities::Threads::processes;
    return capabilities;
  }

  size_t submit(std::span<const Attempt> attempts) override {
    size_t taken = 0;
    for (const Attempt& attempt : attempts) {
      if (free_.empty()) break;
      const uint32_t index = free_.back();
      free_.pop_back();
      ++live_;
      begin(index, attempt);
      ++taken;
    }
    return taken;
  }

  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override {
    while (live_ > 0) {
      TimePoint wake = done_.empty() ? wait_until : TimePoint{};
      if (*cancelled_) wake = std::min(wake, now() + interrupt_interval);
      const int error = epoll_.wait(wake, [this](uint64_t tag, uint32_t) { on_event(tag); });
      // When the wait fails, nothing more can be learnt about any attempt.
      if (error != 0 && error != EINTR) end_all({.call = Call::wait, .error = error});
      if (*cancelled_) interrupt_all();
      if (!done_.empty() || now() >= wait_until) break;
    }
    return move_completions(done_, completions);
  }

  void cancel_all() override {
    *cancelled_ = true;
    interrupt_all();
  }

  size_t in_flight() const override { return live_ + done_.size(); }

 private:
  static constexpr uint64_t passage_tag = UINT32_MAX;

  // What a child leaves in shared memory before it ends.
  struct Report {
    Completion completion;
    bool written = false;
  };
  struct Slot {
    uint64_t id = 0;
    sa_family_t family = AF_UNSPEC;
    pid_t child = 0;  // 0: free
    UniqueFd pidfd{-1};
    UniqueFd passed{-1};
    TimePoint forked{};
  };

  void begin(uint32_t index, const Attempt& attempt) {
    Slot& slot = slots_[index];
    slot.id = attempt.id;
    slot.family = attempt.endpoints.front().family();
    slot.forked = now();
    reports_.values()[index] = {};
    const pid_t parent = ::getpid();
    slot.child = ::fork();
    if (slot.child == 0) run(index, attempt, parent);
    setup_.source().skip_turn();  // which the child has taken in its copy
    if (slot.child < 0) return end(index, {.call = Call::pthread_create, .error = errno});
    slot.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, slot.child, 0)));
    if (!slot.pidfd) return kill_and_end(index, {.call = Call::pthread_create, .error = errno});
    if (const int error = epoll_.add(slot.pidfd.get(), index, EPOLLIN); error != 0)
      kill_and_end(index, {.call = Call::wait, .error = error});
  }

  // In the child. It ends without running anything that the parent has registered for its own end.
  [[noreturn]] void run(uint32_t index, const Attempt& attempt, pid_t parent) noexcept {
    die_with_parent(parent);
    const CallContext context{retirement_, *cancelled_, setup_};
    Report& report = reports_.values()[index];
    if (context.is_cancelled()) {
      report.completion = {.id = attempt.id, .result = {Outcome::never_started, Stage::none, 0}};
    } else {
      auto [fd, completion] = connect_and_wait(attempt, context, poll_once);
      if (passage_ && completion.result.outcome == Outcome::connected)
        passage_->send(index, fd.get());
      else
        retirement_.retire(std::move(fd), completion);
      report.completion = completion;
    }
    report.written = true;
    ::_exit(0);
  }

  void on_event(uint64_t tag) {
    if (passage_) receive_connections();
    if (tag != passage_tag) collect(static_cast<uint32_t>(tag));
  }

  void receive_connections() {
    passage_->receive_all([this](uint32_t index, UniqueFd fd) { slots_[index].passed = std::move(fd); });
    epoll_.watch_again(passage_->receiving(), passage_tag, EPOLLIN);
  }

  // The child has ended, usually with a report.
  void collect(uint32_t index) {
    Slot& slot = slots_[index];
    if (slot.child == 0) return;
    wait_for_child(slot.child);
    Report& report = reports_.values()[index];
    if (!report.written) return end(index, {.call = Call::wait, .cancelled = *cancelled_});
    retirement_.retire(std::move(slot.passed), report.completion);
    finish(index, report.completion);
  }

  void kill_and_end(uint32_t index, const Evidence& evidence) {
    ::kill(slots_[index].child, SIGKILL);
    wait_for_child(slots_[index].child);
    if (passage_) receive_connections();  // those of a killed child must not be taken for a later one's
    end(index, evidence);
  }

  void end_all(const Evidence& evidence) {
    for (uint32_t index = 0; index < slots_.size(); ++index)
      if (slots_[index].child > 0) kill_and_end(index, evidence);
  }

  // An attempt of which no child has reported the end.
  void end(uint32_t index, Evidence evidence) {
    const Slot& slot = slots_[index];
    evidence.family = slot.family;
    finish(index, {.id = slot.id, .result = classify(evidence), .started = slot.forked, .finished = now()});
  }

  void finish(uint32_t index, const Completion& completion) {
    done_.push_back(completion);
    Slot& slot = slots_[index];
    slot.child = 0;
    slot.pidfd.reset(-1);
    slot.passed.reset(-1);
    free_.push_back(index);
    --live_;
  }

  void interrupt_all() noexcept {
    for (const Slot& slot : slots_)
      if (slot.child > 0) ::kill(slot.child, cancelling_signal());
  }

  Retirement& retirement_;
  SocketSetup setup_;
  TimedEpoll epoll_;
  SharedArray<Report> reports_;
  Shared<std::atomic<bool>> cancelled_;
  std::optional<Passage> passage_;  // where connections are held
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
  std::vector<Completion> done_;
};

}  // namespace

extern const ConnectorEntry fork_per_attempt;
const ConnectorEntry fork_per_attempt{
    .name = "fork-per-attempt",
    .summary = "a process per attempt, non-blocking connect(), ppoll() with the timeout",
    .options = socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<ForkPerAttempt>,
    .group = "processes",
};

}  // namespace connbench::connectors
