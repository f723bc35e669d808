// Messages between the ranks of a job: a star around rank 0, of point-to-point messages with deadlines. There are no
// collective operations, because one lost rank would make all others wait for ever.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/frame.h"
#include "harness/support/clock.h"

namespace connbench::cluster {

/// What a message between two ranks is.
enum class Tag : int {
  frame,        ///< a frame: its kind, then its payload
  pulse,        ///< from rank 0: it is alive, and wants to know whether the receiver is
  clock_start,  ///< from rank 0: as many questions follow as this says (int32)
  clock_question,
  clock_answer  ///< the clock of the rank that was asked (int64 ns)
};

/// What another rank has sent.
struct Received {
  int rank;
  Tag tag;
  std::string bytes;
};

/// Sends and receives. Every send is matched by a receive before it counts as done, so that a rank that does not
/// receive is noticed, and no more waits in memory than is worth it.
class Star {
 public:
  Star();
  int rank() const noexcept { return rank_; }
  int size() const noexcept { return size_; }

  /// Queues a message; send_on() sends it.
  void send(int to, Tag tag, std::string bytes);
  /// Goes on with what is queued. @return whether anything was done
  bool send_on();
  /// For how long the oldest message to `rank` has waited for it to be received; zero = none waits.
  Duration waiting(int rank) const;
  /// Messages to `rank` are dropped from now on.
  void give_up(int rank);
  /// What has arrived; nullopt = nothing.
  std::optional<Received> receive();

  /// Asks `rank` for its clock, and keeps the answer that came soonest. Only rank 0 may ask. Both keep a processor busy
  /// for some milliseconds meanwhile.
  ClockReading compare_clocks(int rank);
  /// The other side: answers this many questions, or gives up when none comes.
  void answer_clock_questions(int32_t questions);

 private:
  struct Sending {
    int to;
    std::string bytes;
    Tag tag;
    MPI_Request request = MPI_REQUEST_NULL;
    TimePoint since{};
  };
  struct Lane {  // the messages to one rank
    std::deque<std::unique_ptr<Sending>> queue;
    size_t begun = 0;
    bool given_up = false;
  };
  bool finish(MPI_Request& request, TimePoint deadline);

  int rank_ = 0, size_ = 1;
  std::vector<Lane> lanes_;
};

}  // namespace connbench::cluster
