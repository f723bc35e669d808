#include "cluster/star.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace connbench::cluster {
namespace {

// Enough that both sides work at the same time.
constexpr size_t most_under_way = 16;
// The answer of a rank that is alive takes microseconds. A rank that does not answer is noticed by its pulse.
constexpr Duration clock_patience = std::chrono::seconds(1);
// The shortest of so many round trips is as short as a round trip gets.
constexpr int32_t clock_questions = 50;

int count_of(const std::string& bytes) {
  return static_cast<int>(bytes.size());
}

}  // namespace

Star::Star() {
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  lanes_ = std::vector<Lane>(static_cast<size_t>(size_));
}

void Star::send(int to, Tag tag, std::string bytes) {
  Lane& lane = lanes_[static_cast<size_t>(to)];
  if (lane.given_up) return;
  lane.queue.push_back(std::make_unique<Sending>(Sending{to, std::move(bytes), tag, MPI_REQUEST_NULL, {}}));
  send_on();
}

// A synchronous send ends when the receiver has begun to receive.
bool Star::send_on() {
  bool worked = false;
  for (Lane& lane : lanes_) {
    while (lane.begun < std::min(lane.queue.size(), most_under_way)) {
      Sending& next = *lane.queue[lane.begun++];
      next.since = now();
      MPI_Issend(next.bytes.data(), count_of(next.bytes), MPI_BYTE, next.to, static_cast<int>(next.tag), MPI_COMM_WORLD,
                 &next.request);
      worked = true;
    }
    while (lane.begun > 0) {
      int received = 0;
      if (MPI_Test(&lane.queue.front()->request, &received, MPI_STATUS_IGNORE) != MPI_SUCCESS || received == 0) break;
      lane.queue.pop_front();
      --lane.begun;
      worked = true;
    }
  }
  return worked;
}

Duration Star::waiting(int rank) const {
  const Lane& lane = lanes_[static_cast<size_t>(rank)];
  return lane.begun == 0 ? Duration{} : now() - lane.queue.front()->since;
}

// The messages stay in memory: MPI may still read them.
void Star::give_up(int rank) {
  Lane& lane = lanes_[static_cast<size_t>(rank)];
  lane.given_up = true;
  for (auto& sending : lane.queue) static_cast<void>(sending.release());
  lane.queue.clear();
  lane.begun = 0;
}

std::optional<Received> Star::receive() {
  int there = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  if (MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &message, &status) != MPI_SUCCESS || there == 0)
    return std::nullopt;
  int length = 0;
  MPI_Get_count(&status, MPI_BYTE, &length);
  Received received{status.MPI_SOURCE, static_cast<Tag>(status.MPI_TAG),
                    std::string(static_cast<size_t>(length), '\0')};
  if (MPI_Mrecv(received.bytes.data(), length, MPI_BYTE, &message, &status) != MPI_SUCCESS) return std::nullopt;
  return received;
}

bool Star::finish(MPI_Request& request, TimePoint deadline) {
  int done = 0;
  while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS) {
    if (done != 0) return true;
    if (now() < deadline) continue;
    MPI_Cancel(&request);
    MPI_Request_free(&request);
    return false;
  }
  return false;
}

ClockReading Star::compare_clocks(int rank) {
  ClockReading reading{.rank = rank, .at_ns = to_ns(now())};
  if (rank == rank_) return {.rank = rank, .bound_ns = 0, .at_ns = reading.at_ns};
  std::string questions;
  pack(questions, clock_questions);
  send(rank, Tag::clock_start, std::move(questions));
  const TimePoint deadline = now() + clock_patience;
  while (waiting(rank) > Duration{} && now() < deadline) send_on();
  int64_t shortest = std::numeric_limits<int64_t>::max();
  for (int32_t i = 0; i < clock_questions; ++i) {
    int64_t clock = 0;
    MPI_Request answer;
    MPI_Irecv(&clock, sizeof clock, MPI_BYTE, rank, static_cast<int>(Tag::clock_answer), MPI_COMM_WORLD, &answer);
    const int64_t asked = to_ns(now());
    MPI_Request question;
    MPI_Isend(&asked, sizeof asked, MPI_BYTE, rank, static_cast<int>(Tag::clock_question), MPI_COMM_WORLD, &question);
    if (!finish(answer, deadline)) return reading;
    const int64_t took = to_ns(now()) - asked;
    finish(question, deadline);
    if (took >= shortest) continue;
    shortest = took;
    reading = {rank, clock - (asked + took / 2), (took + 1) / 2, asked + took / 2};
  }
  return reading;
}

void Star::answer_clock_questions(int32_t questions) {
  const TimePoint deadline = now() + clock_patience;
  for (; questions > 0; --questions) {
    int64_t asked = 0;
    MPI_Request question;
    MPI_Irecv(&asked, sizeof asked, MPI_BYTE, 0, static_cast<int>(Tag::clock_question), MPI_COMM_WORLD, &question);
    if (!finish(question, deadline)) return;
    const int64_t clock = to_ns(now());
    MPI_Request answer;
    MPI_Isend(&clock, sizeof clock, MPI_BYTE, 0, static_cast<int>(Tag::clock_answer), MPI_COMM_WORLD, &answer);
    if (!finish(answer, deadline)) return;
  }
}

}  // namespace connbench::cluster
