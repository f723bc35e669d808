#include "impl/threads/thread_pool.h"

#include <algorithm>
#include <system_error>

namespace connbench {
namespace {

Capabilities pool_of(size_t threads, Capabilities capabilities) {
  capabilities.threads = Capabilities::Threads::pool;
  capabilities.pool_threads = threads;
  return capabilities;
}

}  // namespace

ThreadPool::ThreadPool(const ConnectorSettings& settings, BlockingCall call, const Capabilities& call_capabilities)
    : ThreadExecutor(settings, call, pool_of(settings.options.count("threads"), call_capabilities)) {
  const ThreadAttributes attributes(settings.options.size("stack"));
  const size_t count = std::min(settings.options.count("threads"), settings.max_in_flight);
  threads_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    pthread_t thread{};
    if (const int error = pthread_create(&thread, attributes.get(), thread_main, this); error != 0) {
      stop();
      throw std::system_error(error, std::generic_category(), "pthread_create");
    }
    threads_.push_back(thread);
  }
}

ThreadPool::~ThreadPool() {
  cancel_and_drain();
  stop();
}

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  work_.notify_all();
  for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
}

void ThreadPool::start(std::span<Slot* const> slots) {
  size_t wanted = 0;
  {
    const std::lock_guard lock(mutex_);
    for (Slot* slot : slots) {
      slot->next = nullptr;
      (oldest_ == nullptr ? oldest_ : youngest_->next) = slot;
      youngest_ = slot;
    }
    wanted = std::min(idle_, slots.size());
  }
  for (size_t i = 0; i < wanted; ++i) work_.notify_one();
}

// Waits for work. Returns nullptr when the pool is being destroyed.
ThreadExecutor::Slot* ThreadPool::next() {
  std::unique_lock lock(mutex_);
  ++idle_;
  work_.wait(lock, [this] { return oldest_ != nullptr || over_; });
  --idle_;
  if (oldest_ == nullptr) return nullptr;
  Slot* slot = oldest_;
  oldest_ = slot->next;
  return slot;
}

void* ThreadPool::thread_main(void* argument) {
  auto& pool = *static_cast<ThreadPool*>(argument);
  while (Slot* slot = pool.next()) {
    pool.run(*slot);
    pool.finish(*slot);
  }
  return nullptr;
}

void ThreadPool::interrupt_all() {
  for (const pthread_t thread : threads_) interrupt(thread);
}

}  // namespace connbench
