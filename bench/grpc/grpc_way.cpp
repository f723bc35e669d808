#include "bench/grpc/grpc_way.h"

#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/version_info.h>

#include <optional>
#include <string_view>

namespace connbench::channels {
namespace {

using ChannelPointer = std::shared_ptr<grpc::Channel>;

// gRPC's monotonic clock is CLOCK_MONOTONIC, as ours.
gpr_timespec gpr_time(TimePoint t) {
  const timespec time = to_timespec(t);
  return {.tv_sec = time.tv_sec, .tv_nsec = static_cast<int32_t>(time.tv_nsec), .clock_type = GPR_CLOCK_MONOTONIC};
}

// Channels to one address share a connection unless each has a pool of its own. And a proxy that the environment names
// would be asked for loopback too.
ChannelPointer make_channel(const Endpoint& to, Duration min_timeout = Duration::zero()) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (min_timeout > Duration::zero())
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(min_timeout / std::chrono::milliseconds(1)));
  return grpc::CreateCustomChannel("ipv4:" + to.to_string(), grpc::InsecureChannelCredentials(), arguments);
}

std::string_view name_of(grpc_connectivity_state state) {
  switch (state) {
    case GRPC_CHANNEL_IDLE:
      return "IDLE";
    case GRPC_CHANNEL_CONNECTING:
      return "CONNECTING";
    case GRPC_CHANNEL_READY:
      return "READY";
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
      return "TRANSIENT_FAILURE";
    case GRPC_CHANNEL_SHUTDOWN:
      return "SHUTDOWN";
  }
  return "?";
}

// Channels whose changes of state arrive in one completion queue. The tag of an event is the channel's index + 1.
class Notified {
 public:
  explicit Notified(size_t channels) : channels_(channels) {}

  // The queue must be empty when it is destroyed. A channel that goes ends the notifications that were asked of it.
  ~Notified() {
    channels_.clear();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  Notified(const Notified&) = delete;
  Notified& operator=(const Notified&) = delete;

  void set(size_t index, ChannelPointer channel) { channels_[index] = std::move(channel); }

  void connect(size_t index) { listen(index, channels_[index]->GetState(true)); }
  // Each notification is asked for: of the next state that is not `known`.
  void listen(size_t index, grpc_connectivity_state known) {
    channels_[index]->NotifyOnStateChange(known, gpr_inf_future(GPR_CLOCK_MONOTONIC), &queue_,
                                          reinterpret_cast<void*>(index + 1));
  }

  struct Event {
    size_t index;
    grpc_connectivity_state state;
  };
  // The next change of a channel that has not been let go.
  std::optional<Event> next(TimePoint deadline) {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.AsyncNext(&tag, &ok, gpr_time(deadline)) == grpc::CompletionQueue::GOT_EVENT) {
      const size_t index = reinterpret_cast<uintptr_t>(tag) - 1;
      if (channels_[index] == nullptr) continue;
      return Event{index, channels_[index]->GetState(false)};
    }
    return std::nullopt;
  }

 private:
  grpc::CompletionQueue queue_;
  std::vector<ChannelPointer> channels_;
};

class NotifiedWay final : public Way {
 public:
  NotifiedWay(const Endpoint& to, size_t attempts) : to_(to), channels_(attempts) {}

  void prepare(size_t attempt) override { channels_.set(attempt, make_channel(to_)); }
  void begin(size_t attempt) override { channels_.connect(attempt); }
  std::optional<Ended> next(TimePoint deadline) override {
    while (const auto event = channels_.next(deadline)) {
      if (event->state == GRPC_CHANNEL_READY) return Ended{event->index, End::ready};
      if (event->state == GRPC_CHANNEL_TRANSIENT_FAILURE) return Ended{event->index, End::failed};
      channels_.listen(event->index, event->state);
    }
    return std::nullopt;
  }
  void close(size_t attempt) override { channels_.set(attempt, nullptr); }

 private:
  Endpoint to_;
  Notified channels_;
};

// Without another channel or queue, gRPC would end with each channel, its threads too, and begin again with the next.
struct KeptAlive {
  KeptAlive() { grpc_init(); }
  ~KeptAlive() { grpc_shutdown(); }
  KeptAlive(const KeptAlive&) = delete;
  KeptAlive& operator=(const KeptAlive&) = delete;
};

class AwaitedWay final : public Way {
 public:
  explicit AwaitedWay(const Endpoint& to) : to_(to) {}

  void prepare(size_t) override { channel_ = make_channel(to_); }
  void begin(size_t attempt) override { attempt_ = attempt; }
  std::optional<Ended> next(TimePoint deadline) override {
    if (!channel_->WaitForConnected(gpr_time(deadline))) return std::nullopt;
    return Ended{attempt_, End::ready};
  }
  void close(size_t) override { channel_ = nullptr; }

 private:
  KeptAlive grpc_;
  Endpoint to_;
  ChannelPointer channel_;
  size_t attempt_ = 0;
};

}  // namespace

std::string grpc_version() {
  return GRPC_CPP_VERSION_STRING;
}

std::unique_ptr<Way> notified_channels(const Endpoint& to, size_t attempts) {
  return std::make_unique<NotifiedWay>(to, attempts);
}

std::unique_ptr<Way> awaited_channels(const Endpoint& to, size_t) {
  return std::make_unique<AwaitedWay>(to);
}

Changes watch_channels(std::span<const Watched> watched, Duration length) {
  Notified channels(watched.size());
  for (size_t i = 0; i < watched.size(); ++i) channels.set(i, make_channel(watched[i].to, watched[i].min_timeout));
  const TimePoint begin = now();
  for (size_t i = 0; i < watched.size(); ++i) channels.connect(i);
  Changes found{.begun = begin, .changes = {}};
  while (const auto event = channels.next(begin + length)) {
    found.changes.push_back({event->index, now() - begin, std::string(name_of(event->state))});
    channels.listen(event->index, event->state);
  }
  return found;
}

}  // namespace connbench::channels
