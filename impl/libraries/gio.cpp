// GIO: g_socket_client_connect_async(), given up by a GCancellable that a GLib timer cancels. Choose it in a program of
// GLib or GNOME, whose main loop runs anyway. A program of its own, since its libraries are large.
//
// Its traps: the timeout of a GSocketClient is in whole seconds, hence the timer; unless set_enable_proxy(FALSE) is
// called, it loads modules and asks for proxies; the main loop calls poll() with every waiting socket, so that its cost
// grows with their number; and a GError hides the errno of what it has no code for in a translated text. With several
// addresses, the next try begins 250 ms after the one before, which cannot be changed; only the asynchronous call
// does that.
#include <errno.h>
#include <fmt/format.h>
#include <gio/gio.h>

#include <deque>
#include <memory>
#include <string_view>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"

namespace connbench::connectors {
namespace {

struct Unref {
  void operator()(gpointer object) const { ::g_object_unref(object); }
  void operator()(GMainContext* context) const { ::g_main_context_unref(context); }
  void operator()(GError* error) const { ::g_error_free(error); }
  void operator()(GSource* source) const {
    ::g_source_destroy(source);
    ::g_source_unref(source);
  }
};
template <class Object>
using Owned = std::unique_ptr<Object, Unref>;

GSocketAddress* address_of(const Endpoint& to) {
  return ::g_socket_address_new_from_native(const_cast<sockaddr*>(to.address()), to.size());
}

// A host's addresses, in the order in which GIO is to try them. Objects of GLib begin with zeros and have no
// constructor.
struct AddressList {
  GObject parent;
  const Endpoint* first;
  const Endpoint* last;
};
struct AddressEnumerator {
  GSocketAddressEnumerator parent;
  const Endpoint* next;
  const Endpoint* last;
};
using AddressListClass = GObjectClass;
using AddressEnumeratorClass = GSocketAddressEnumeratorClass;

G_DEFINE_TYPE(AddressEnumerator, address_enumerator, G_TYPE_SOCKET_ADDRESS_ENUMERATOR)
void address_enumerator_init(AddressEnumerator*) {}
void address_enumerator_class_init(AddressEnumeratorClass* type) {
  type->next = [](GSocketAddressEnumerator* enumerator, GCancellable*, GError**) -> GSocketAddress* {
    auto* const left = reinterpret_cast<AddressEnumerator*>(enumerator);
    return left->next == left->last ? nullptr : address_of(*left->next++);
  };
}

void address_list_connectable_init(GSocketConnectableIface* type) {
  type->enumerate = [](GSocketConnectable* list) {
    const auto* const all = reinterpret_cast<AddressList*>(list);
    auto* const made = static_cast<AddressEnumerator*>(::g_object_new(address_enumerator_get_type(), nullptr));
    made->next = all->first;
    made->last = all->last;
    return &made->parent;
  };
}
G_DEFINE_TYPE_WITH_CODE(AddressList, address_list, G_TYPE_OBJECT,
                        G_IMPLEMENT_INTERFACE(G_TYPE_SOCKET_CONNECTABLE, address_list_connectable_init))
void address_list_init(AddressList*) {}
void address_list_class_init(AddressListClass*) {}

Owned<GSocketConnectable> connectable_of(std::span<const Endpoint> addresses) {
  if (addresses.size() == 1) return Owned<GSocketConnectable>(G_SOCKET_CONNECTABLE(address_of(addresses.front())));
  auto* const list = static_cast<AddressList*>(::g_object_new(address_list_get_type(), nullptr));
  list->first = addresses.data();
  list->last = addresses.data() + addresses.size();
  return Owned<GSocketConnectable>(G_SOCKET_CONNECTABLE(list));
}

// The errno of a GError, as far as its code tells; otherwise its text ends with that of the errno.
int errno_of(const GError& error) {
  if (error.domain != G_IO_ERROR) return 0;
  switch (error.code) {
    case G_IO_ERROR_CONNECTION_REFUSED:
      return ECONNREFUSED;
    case G_IO_ERROR_CONNECTION_CLOSED:
      return ECONNRESET;
    case G_IO_ERROR_HOST_UNREACHABLE:
      return EHOSTUNREACH;
    case G_IO_ERROR_NETWORK_UNREACHABLE:
      return ENETUNREACH;
    case G_IO_ERROR_TIMED_OUT:
      return ETIMEDOUT;
    case G_IO_ERROR_WOULD_BLOCK:
      return EAGAIN;
    default:
      break;
  }
  constexpr int highest_errno = 133;
  for (int number = 1; number <= highest_errno; ++number)
    if (std::string_view(error.message).ends_with(::g_strerror(number))) return number;
  return 0;
}

class Gio final : public LibraryConnector {
 public:
  explicit Gio(const ConnectorSettings& settings)
      : LibraryConnector(settings),
        context_(::g_main_context_new()),
        client_(::g_socket_client_new()),
        slots_(settings.max_in_flight) {
    ::g_main_context_push_thread_default(context_.get());
    ::g_socket_client_set_enable_proxy(client_.get(), FALSE);
    for (Slot& slot : slots_) {
      slot.owner = this;
      adopt(slot);
    }
  }
  ~Gio() override {
    shut_down();
    while (::g_main_context_iteration(context_.get(), FALSE) != 0) {
    }
    ::g_main_context_pop_thread_default(context_.get());
  }

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer,
            .granularity = std::chrono::milliseconds(1),
            .uses_all_endpoints = true};
  }

 private:
  struct Slot : InFlight {
    Gio* owner = nullptr;
    Owned<GCancellable> cancellable{};
    Owned<GSource> timer{};
  };

  // The main loop makes the first system call when it runs next. The program has asked for the connection now.
  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.completion.started = now();
    slot.cancellable.reset(::g_cancellable_new());
    slot.timer.reset(::g_timeout_source_new(static_cast<guint>(whole_milliseconds(attempt.timeout))));
    ::g_source_set_callback(slot.timer.get(), on_timer, &slot, nullptr);
    ::g_source_attach(slot.timer.get(), context_.get());
    const auto to = connectable_of(attempt.endpoints);
    ::g_socket_client_connect_async(client_.get(), to.get(), slot.cancellable.get(), on_end, &slot);
  }

  static gboolean on_timer(gpointer context) {
    auto& slot = *static_cast<Slot*>(context);
    if (!slot.decided) {
      decide(slot, {.call = Call::wait, .deadline_passed = true});
      ::g_cancellable_cancel(slot.cancellable.get());
    }
    return G_SOURCE_REMOVE;
  }

  void give_up(InFlight& in_flight) override {
    auto& slot = static_cast<Slot&>(in_flight);
    decide(slot, {.call = Call::wait, .cancelled = true});
    ::g_cancellable_cancel(slot.cancellable.get());
  }

  // GIO has closed a socket that did not connect.
  static void on_end(GObject* client, GAsyncResult* result, gpointer context) {
    auto& slot = *static_cast<Slot*>(context);
    GError* failed = nullptr;
    const Owned<GSocketConnection> connection(
        ::g_socket_client_connect_finish(G_SOCKET_CLIENT(client), result, &failed));
    const Owned<GError> error(failed);
    if (!slot.decided) {
      const int number = error ? errno_of(*error) : 0;
      const bool unknown = error && number == 0;
      decide(slot, {.call = unknown ? Call::wait : call_that_reported(number, slot.family), .error = number});
    }
    if (connection) {
      GSocket* const socket = ::g_socket_connection_get_socket(connection.get());
      slot.owner->retirement().retire_before_close(::g_socket_get_fd(socket), slot.completion);
    }
    slot.timer.reset();
    slot.cancellable.reset();
    slot.owner->ended(slot);
  }

  // Waits for the first event, then runs whatever is ready: a connect takes several turns of the main loop. The wake-up
  // is only ever moved to an earlier time, and by a new source: changing the time of one that is attached wakes the
  // loop.
  void run_loop(TimePoint wake) override {
    if (wake != at_once) {
      if (wake < wake_set_for_) wake_at(wake);
      ::g_main_context_iteration(context_.get(), TRUE);
    }
    while (::g_main_context_iteration(context_.get(), FALSE) != 0) {
    }
  }

  void wake_at(TimePoint wake) {
    wake_.reset(::g_timeout_source_new(0));
    const auto time = std::chrono::ceil<std::chrono::microseconds>(wake.time_since_epoch());
    ::g_source_set_ready_time(wake_.get(), time.count());  // of CLOCK_MONOTONIC, as ours
    ::g_source_set_callback(wake_.get(), on_wake, this, nullptr);
    ::g_source_attach(wake_.get(), context_.get());
    wake_set_for_ = wake;
  }

  static gboolean on_wake(gpointer connector) {
    static_cast<Gio*>(connector)->wake_set_for_ = TimePoint::max();
    return G_SOURCE_REMOVE;
  }

  Owned<GMainContext> context_;
  Owned<GSocketClient> client_;
  Owned<GSource> wake_;
  TimePoint wake_set_for_ = TimePoint::max();
  std::deque<Slot> slots_;
};

constexpr std::string_view variables[] = {"GIO_*", "G_*"};

}  // namespace

extern const ConnectorEntry gio;
const ConnectorEntry gio{
    .name = "gio",
    .summary = "GIO: g_socket_client_connect_async(), a GCancellable and a GLib timer per attempt",
    .options = {},
    .probe = works_everywhere,
    .make = make_connector<Gio>,
    .library = []() -> Library {
      return {"glib", fmt::format("{}.{}.{}", ::glib_major_version, ::glib_minor_version, ::glib_micro_version), true};
    },
    .group = "libraries",
    .steered_by = variables,
};

}  // namespace connbench::connectors
