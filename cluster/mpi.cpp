// connbench-mpi: carries the frames of a cluster's job between its hosts, one process per host. It is the only program
// that is linked with MPI. A process that has initialised MPI has threads, handlers for signals and ranks that keep
// processors busy, so nothing is measured in it: the worker is a program of its own, started before MPI is.
#include <fcntl.h>
#include <fmt/format.h>
#include <mpi.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "cluster/frame.h"
#include "cluster/job_folder.h"
#include "cluster/star.h"
#include "harness/process/after_death.h"
#include "harness/process/child_process.h"
#include "harness/process/known_state.h"
#include "harness/support/clock.h"

namespace {

using namespace connbench;
using namespace connbench::cluster;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration pulse_interval = seconds(1);
constexpr Duration host_patience = seconds(3);   // until rank 0 takes a rank for lost that receives nothing
constexpr Duration rank0_patience = seconds(4);  // until a rank ends that hears nothing from rank 0
// How often MPI is asked for messages. While a wave runs, rarely: that costs processor time of the measured machine.
constexpr Duration between_looks = milliseconds(1);
constexpr Duration between_looks_in_a_wave = milliseconds(100);

/// The worker of this host, which dies with this process.
class Worker {
 public:
  explicit Worker(const std::vector<std::string>& command) : Worker(start(command)) {}
  FrameStream& stream() noexcept { return stream_; }
  /// Closes its input, upon which it ends; kills it otherwise.
  void end() noexcept {
    stream_.close_output();
    if (!process_.ended_within(seconds(2))) process_.kill();
    process_.collect();
  }
  std::string how_it_ended() { return connbench::how_it_ended(process_.collect()); }

 private:
  struct Started {
    pid_t pid;
    UniqueFd in, out;
  };
  explicit Worker(Started started) : process_(started.pid), stream_(std::move(started.in), std::move(started.out)) {}

  static Started start(const std::vector<std::string>& command) {
    int to[2], from[2];
    checked(::pipe2(to, O_CLOEXEC), "pipe2");
    checked(::pipe2(from, O_CLOEXEC), "pipe2");
    const pid_t parent = ::getpid();
    const pid_t pid = checked(::fork(), "fork");
    if (pid != 0) {
      ::close(to[0]);
      ::close(from[1]);
      return {pid, UniqueFd(from[0]), UniqueFd(to[1])};
    }
    die_with_parent(parent);
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    if (::dup2(to[0], STDIN_FILENO) >= 0 && ::dup2(from[1], STDOUT_FILENO) >= 0) ::execv(words[0], words.data());
    ::_exit(127);
  }

  ChildProcess process_;
  FrameStream stream_;
};

std::string packed(const Frame& frame) {
  std::string bytes;
  pack(bytes, frame.kind);
  return bytes.append(frame.payload);
}

Frame unpacked(int32_t rank, std::string_view bytes) {
  const auto kind = unpack<FrameKind>(bytes);
  return {kind, rank, std::string(bytes)};
}

/// What the loops of all ranks have in common.
class Rank {
 public:
  Rank(Star& star, Worker& worker) : star_(star), worker_(worker) {}
  virtual ~Rank() = default;
  /// @return the exit status
  int run() {
    while (!over_) {
      bool worked = star_.send_on();
      while (auto received = star_.receive()) {
        worked = true;
        on_received(*received);
      }
      keep_alive();
      wait(worked ? Duration{} : in_a_wave_ ? between_looks_in_a_wave : between_looks);
    }
    worker_.end();
    return status_;
  }

 protected:
  virtual void on_received(const Received& received) = 0;
  virtual void on_frame_of_worker(Frame frame) = 0;
  virtual void keep_alive() = 0;
  virtual int other_input() const { return -1; }
  virtual void on_other_input() {}

  /// Passes a frame on to the worker of this host.
  void give_worker(const Frame& frame) {
    if (frame.kind == FrameKind::begin) in_a_wave_ = true;
    if (worker_gone_) return;
    try {
      worker_.stream().send(frame);
    } catch (const std::system_error&) {
      worker_gone_ = true;  // its end is read from its output
    }
  }
  void end(int status) {
    over_ = true;
    status_ = status;
  }

  Star& star_;
  bool in_a_wave_ = false;  // from its beginning to the next thing that happens

 private:
  void wait(Duration interval) {
    std::array<pollfd, 2> inputs{pollfd{worker_closed_ ? -1 : worker_.stream().fd(), POLLIN, 0},
                                 pollfd{other_input(), POLLIN, 0}};
    const timespec time = to_timespec(interval);
    if (::ppoll(inputs.data(), inputs.size(), &time, nullptr) <= 0) return;
    if (inputs[0].revents != 0) read_worker();
    if (inputs[1].revents != 0) on_other_input();
  }

  void read_worker() {
    if (!worker_.stream().read_on()) {
      worker_closed_ = worker_gone_ = true;
      in_a_wave_ = false;
      on_frame_of_worker({FrameKind::lost, star_.rank(), "its worker " + worker_.how_it_ended()});
      return;
    }
    while (auto frame = worker_.stream().next()) {
      in_a_wave_ = false;
      on_frame_of_worker(std::move(*frame));
    }
  }

  Worker& worker_;
  bool over_ = false, worker_gone_ = false, worker_closed_ = false;
  int status_ = 0;
};

/// Any other rank than 0.
class OuterRank final : public Rank {
 public:
  using Rank::Rank;

 private:
  void on_received(const Received& received) override {
    heard_ = now();
    std::string_view bytes = received.bytes;
    if (received.tag == Tag::frame || received.tag == Tag::clock_start) in_a_wave_ = false;
    if (received.tag == Tag::clock_start) return star_.answer_clock_questions(unpack<int32_t>(bytes));
    if (received.tag != Tag::frame) return;
    const Frame frame = unpacked(star_.rank(), bytes);
    if (frame.kind == FrameKind::end) return end(frame.payload.empty() ? 0 : 5);
    give_worker(frame);
  }
  void on_frame_of_worker(Frame frame) override { star_.send(0, Tag::frame, packed(frame)); }
  void keep_alive() override {
    if (now() - heard_ > rank0_patience) end(3);
  }

  TimePoint heard_ = now();
};

/// The centre of the star: between the conductor, on the standard streams, and everybody else.
class Centre final : public Rank {
 public:
  Centre(Star& star, Worker& worker)
      : Rank(star, worker),
        conductor_(UniqueFd(checked(::dup(STDIN_FILENO), "dup")), UniqueFd(checked(::dup(STDOUT_FILENO), "dup"))),
        offsets_(static_cast<size_t>(star.size()), 0),
        lost_(static_cast<size_t>(star.size()), false) {}

 private:
  int other_input() const override { return conductor_.fd(); }
  void on_other_input() override {
    if (!conductor_.read_on()) return end_all();  // the conductor has died
    while (auto frame = conductor_.next()) on_order(*frame);
  }
  void on_order(const Frame& frame) {
    in_a_wave_ = false;
    switch (frame.kind) {
      case FrameKind::measure:
        return measure(frame.payload);
      case FrameKind::begin:
        return begin(frame.payload);
      case FrameKind::end:
        return end_all();
      default:
        return pass_on(frame.rank, frame);
    }
  }
  void pass_on(int rank, const Frame& frame) {
    if (rank == 0) return give_worker(frame);
    if (rank < star_.size()) star_.send(rank, Tag::frame, packed(frame));
  }

  void measure(std::string_view ranks) {
    std::string readings;
    while (!ranks.empty()) {
      const auto rank = unpack<int32_t>(ranks);
      const ClockReading reading = is_lost(rank) ? ClockReading{.rank = rank} : star_.compare_clocks(rank);
      if (reading.bound_ns >= 0) offsets_[static_cast<size_t>(rank)] = reading.offset_ns;
      pack(readings, reading);
    }
    conductor_.send({FrameKind::clocks, 0, readings});
  }

  // Every rank gets the instant on its own clock.
  void begin(std::string_view order) {
    const int64_t instant = to_ns(now()) + unpack<int64_t>(order);
    while (!order.empty()) {
      const auto rank = unpack<int32_t>(order);
      std::string own;
      pack(own, instant + offsets_[static_cast<size_t>(rank)]);
      pass_on(rank, {FrameKind::begin, rank, own});
    }
    in_a_wave_ = true;
  }

  void on_received(const Received& received) override {
    if (received.tag != Tag::frame) return;
    tell(unpacked(received.rank, received.bytes));
  }
  void on_frame_of_worker(Frame frame) override {
    frame.rank = 0;
    tell(frame);
  }
  void tell(const Frame& frame) {
    if (frame.kind == FrameKind::lost && is_lost(frame.rank)) return;
    if (frame.kind == FrameKind::lost) lost_[static_cast<size_t>(frame.rank)] = true;
    try {
      conductor_.send(frame);
    } catch (const std::system_error&) {
      end_all();
    }
  }
  bool is_lost(int rank) const { return lost_[static_cast<size_t>(rank)]; }

  void keep_alive() override {
    for (int rank = 1; rank < star_.size(); ++rank) {
      if (is_lost(rank) || star_.waiting(rank) < host_patience) continue;
      star_.give_up(rank);
      tell({FrameKind::lost, rank, "received nothing for 3 s"});
    }
    if (now() < next_pulse_) return;
    next_pulse_ = now() + pulse_interval;
    for (int rank = 1; rank < star_.size(); ++rank)
      if (star_.waiting(rank) == Duration{}) star_.send(rank, Tag::pulse, "");
    std::string size;
    pack(size, static_cast<int32_t>(star_.size()));
    tell({FrameKind::pulse, 0, size});
  }

  void end_all() {
    const TimePoint deadline = now() + seconds(1);
    const bool all = std::ranges::count(lost_, true) == 0;
    for (int rank = 1; rank < star_.size(); ++rank) {
      star_.send(rank, Tag::frame, packed({FrameKind::end, rank, all ? "" : "some are lost"}));
      while (star_.waiting(rank) > Duration{} && now() < deadline) star_.send_on();
    }
    end(all ? 0 : 5);
  }

  FrameStream conductor_;
  std::vector<int64_t> offsets_;  // the clock of each rank, minus the clock here
  std::vector<bool> lost_;
  TimePoint next_pulse_ = now();
};

std::string program_beside_this_one() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "connbench";
}

// Forks a process that removes the job's folder once this one has ended, however it ends.
void remove_at_the_end(std::span<char*> words) {
  const auto flag = std::ranges::find(words, job_folder_flag, [](const char* word) { return std::string_view(word); });
  if (flag == words.end() || flag + 1 == words.end()) return;
  [[maybe_unused]] static const auto* const never_destroyed =
      new AfterDeath([folder = std::string(*(flag + 1))] { remove_job_folder(folder); });
}

int carry(int argc, char** argv) {
  remove_at_the_end(std::span(argv, static_cast<size_t>(argc)));
  std::vector<std::string> command{program_beside_this_one(), "cluster-worker"};
  command.insert(command.end(), argv + 1, argv + argc);
  Worker worker(command);
  MPI_Init(&argc, &argv);
  Star star;
  const int status = star.rank() == 0 ? Centre(star, worker).run() : OuterRank(star, worker).run();
  if (status == 0) MPI_Finalize();
  ::_exit(status);  // MPI_Finalize() would wait for ranks that are lost
}

}  // namespace

int main(int argc, char** argv) {
  enter_known_state();
  try {
    return carry(argc, argv);
  } catch (const std::exception& error) {
    const std::string line = fmt::format("connbench-mpi: {}\n", error.what());
    std::fwrite(line.data(), 1, line.size(), stderr);
    return 5;
  }
}
