#include "harness/lab/link/outbox.h"

#include <cerrno>

namespace connbench::lab {

Outbox::Outbox(int socket, FramePool& pool, LinkReport& report) noexcept
    : socket_(socket), pool_(pool), report_(report) {
  for (size_t i = 0; i < batch; ++i) {
    messages_[i].msg_hdr.msg_iov = &pieces_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

void Outbox::add(FramePool::Slot slot, TimePoint due) noexcept {
  if (count_ == batch) send();
  const std::span<uint8_t> bytes = pool_.bytes(slot);
  items_[count_] = {slot, due};
  pieces_[count_] = {bytes.data(), bytes.size()};
  ++count_;
}

/// Returns how many frames were sent, starting at `first`; 0 when the kernel refused that one.
size_t Outbox::send_from(size_t first) noexcept {
  for (;;) {
    const int sent =
        ::sendmmsg(socket_, &messages_[first], static_cast<unsigned>(count_ - first), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<size_t>(sent);
    if (errno != EINTR) return 0;
  }
}

/// The kernel delivers the frames of one call one after the other, each all the way into the receiver. The last frame
/// of a large batch leaves much later than the first, so each frame's time is interpolated from its position in the
/// batch.
void Outbox::account(size_t first, size_t sent, TimePoint began) noexcept {
  const Duration took = now() - began;
  for (size_t i = 0; i < sent; ++i) {
    const Item& item = items_[first + i];
    ++(pool_.note(item.slot).is_answer ? report_.answered : report_.frames);
    if (item.due != at_once)
      report_.lateness.add(began + took * static_cast<int64_t>(i) / static_cast<int64_t>(sent) - item.due);
  }
}

void Outbox::send() noexcept {
  size_t done = 0;
  while (done < count_) {
    const TimePoint began = now();
    const size_t sent = send_from(done);
    account(done, sent, began);
    done += sent;
    if (sent == 0) {  // the first one cannot be sent; later ones may
      ++report_.dropped_on_sending;
      ++done;
    }
  }
  for (size_t i = 0; i < count_; ++i) pool_.give_back(items_[i].slot);
  count_ = 0;
}

}  // namespace connbench::lab
