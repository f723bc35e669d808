// Qt: a QTcpSocket and a QTimer for each attempt. Choose it in a program of Qt, whose event loop runs anyway. A program
// of its own, since its libraries are large.
//
// Its traps: the socket's own limit is 30 s per address and cannot be changed, so that a dead first address costs 30 s
// unless a timer calls abort(); a host's addresses are tried one after the other; a QTimer without Qt::PreciseTimer may
// be 5 % off; an error is a class and a text, not an errno; and the proxies of the system are asked unless the socket
// is told not to. It looks at a ready socket by calling connect() again,
// and asks a host that has refused a second time.
#include <dlfcn.h>
#include <errno.h>
#include <fmt/format.h>
#include <netdb.h>

#include <QtCore/QCoreApplication>
#include <QtCore/QTimer>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QNetworkProxy>
#include <QtNetwork/QTcpSocket>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>

#include "harness/connector/make_connector.h"
#include "impl/libraries/library_connector.h"

namespace connbench::connectors {
namespace {

// Qt takes several addresses only from a look-up. These names are looked up here, everything else by the C library.
class Names {
 public:
  static Names& all() {
    static Names names;
    return names;
  }
  // A new name each time, because Qt remembers what it has looked up for a minute.
  std::string add(std::span<const Endpoint> addresses) {
    const std::lock_guard lock(mutex_);
    std::string name = fmt::format("h{}{}", ++count_, domain);
    known_[name] = addresses;
    return name;
  }
  void remove(const std::string& name) {
    const std::lock_guard lock(mutex_);
    known_.erase(name);
  }
  // The list for freeaddrinfo(); nullptr: not one of these names.
  addrinfo* find(const char* name) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(name);
    addrinfo* first = nullptr;
    if (found == known_.end()) return nullptr;
    for (size_t i = found->second.size(); i-- > 0;) first = entry(found->second[i], first);
    return first;
  }

 private:
  static constexpr const char* domain = ".connbench.invalid";

  // One block for both, as the C library makes them: freeaddrinfo() frees it.
  static addrinfo* entry(const Endpoint& to, addrinfo* next) {
    auto* const made = static_cast<addrinfo*>(std::calloc(1, sizeof(addrinfo) + to.size()));
    if (made == nullptr) return next;
    made->ai_family = to.family();
    made->ai_socktype = SOCK_STREAM;
    made->ai_protocol = IPPROTO_TCP;
    made->ai_addrlen = to.size();
    made->ai_addr = reinterpret_cast<sockaddr*>(made + 1);
    std::memcpy(made->ai_addr, to.address(), to.size());
    made->ai_next = next;
    return made;
  }

  std::mutex mutex_;
  uint64_t count_ = 0;
  std::map<std::string, std::span<const Endpoint>> known_;
};

// A QCoreApplication is needed by everything else, once in a process.
void require_application() {
  static int argc = 1;
  static char name[] = "connbench";
  static char* argv[] = {name, nullptr};
  static QCoreApplication application(argc, argv);
}

// The errno of an error. Qt keeps a class of them, and a text.
int errno_of(const QTcpSocket& socket) {
  switch (socket.error()) {
    case QAbstractSocket::ConnectionRefusedError:
      return ECONNREFUSED;
    case QAbstractSocket::RemoteHostClosedError:
      return ECONNRESET;
    case QAbstractSocket::SocketAccessError:
      return EACCES;
    case QAbstractSocket::SocketResourceError:
      return EMFILE;
    case QAbstractSocket::SocketTimeoutError:
      return ETIMEDOUT;
    case QAbstractSocket::NetworkError:
      break;
    default:
      return 0;
  }
  const QString text = socket.errorString();
  if (text == QLatin1String("Host unreachable")) return EHOSTUNREACH;
  if (text == QLatin1String("Network unreachable")) return ENETUNREACH;
  return text == QLatin1String("Connection timed out") ? ETIMEDOUT : 0;
}

class Qt final : public LibraryConnector {
 public:
  explicit Qt(const ConnectorSettings& settings) : LibraryConnector(settings), slots_of_(settings.max_in_flight) {
    wake_.setTimerType(::Qt::PreciseTimer);
    wake_.setSingleShot(true);
    for (Slot& slot : slots_of_) {
      slot.timer.setTimerType(::Qt::PreciseTimer);
      slot.timer.setSingleShot(true);
      QObject::connect(&slot.timer, &QTimer::timeout, [this, &slot] {
        if (!slot.decided) finish(slot, {.call = Call::wait, .deadline_passed = true});
      });
      adopt(slot);
    }
  }
  ~Qt() override {
    shut_down();
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
  }

  // Its timers count whole milliseconds.
  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer,
            .granularity = std::chrono::milliseconds(1),
            .uses_all_endpoints = true};
  }

 private:
  struct Slot : InFlight {
    QTcpSocket* socket = nullptr;
    QTimer timer;
    std::string name;  // where there are several addresses
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.socket = new QTcpSocket;
    slot.socket->setProxy(QNetworkProxy::NoProxy);
    QObject::connect(slot.socket, &QTcpSocket::connected, [this, &slot] {
      if (!slot.decided) finish(slot, {.call = Call::so_error});
    });
    QObject::connect(slot.socket, &QTcpSocket::errorOccurred, [this, &slot](QAbstractSocket::SocketError) {
      if (slot.decided) return;
      const int error = errno_of(*slot.socket);
      finish(slot, {.call = error == 0 ? Call::wait : call_that_reported(error, slot.family), .error = error});
    });
    slot.completion.started = now();
    slot.timer.start(static_cast<int>(whole_milliseconds(attempt.timeout)));
    connect(slot, attempt.endpoints);
  }

  static void connect(Slot& slot, std::span<const Endpoint> addresses) {
    const uint16_t port = addresses.front().port();
    const bool has_one_port =
        std::ranges::all_of(addresses, [port](const Endpoint& one) { return one.port() == port; });
    if (addresses.size() == 1 || !has_one_port)
      return slot.socket->connectToHost(QHostAddress(addresses.front().address()), port);
    slot.name = Names::all().add(addresses);
    slot.socket->connectToHost(QString::fromStdString(slot.name), port);
  }

  void give_up(InFlight& in_flight) override {
    finish(static_cast<Slot&>(in_flight), {.call = Call::wait, .cancelled = true});
  }

  // A socket is deleted later: this may be called by one of its signals.
  void finish(Slot& slot, const Evidence& evidence) {
    decide(slot, evidence);
    slot.timer.stop();
    QTcpSocket* const socket = std::exchange(slot.socket, nullptr);
    retirement().retire_before_close(static_cast<int>(socket->socketDescriptor()), slot.completion);
    socket->disconnect();
    socket->abort();
    socket->deleteLater();
    if (!slot.name.empty()) Names::all().remove(std::exchange(slot.name, {}));
    ended(slot);
  }

  void run_loop(TimePoint wake) override {
    if (wake == at_once) {
      QCoreApplication::processEvents(QEventLoop::AllEvents);
    } else {
      constexpr int64_t most = INT_MAX;
      wake_.start(static_cast<int>(std::min(milliseconds_until(wake), most)));
      QCoreApplication::processEvents(QEventLoop::AllEvents | QEventLoop::WaitForMoreEvents);
      wake_.stop();
    }
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
  }

  QTimer wake_;
  std::deque<Slot> slots_of_;
};

constexpr std::string_view variables[] = {"QT_*"};

}  // namespace

extern const ConnectorEntry qt;
const ConnectorEntry qt{
    .name = "qt",
    .summary = "Qt: a QTcpSocket and a precise QTimer per attempt",
    .options = {},
    .probe = works_everywhere,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      require_application();
      return std::make_unique<Qt>(settings);
    },
    .families = ip_families,
    .library = []() -> Library {
      return {"qt", ::qVersion(), true};
    },
    .group = "libraries",
    .steered_by = variables,
};

}  // namespace connbench::connectors

// In the place of the C library's, for the names of `Names`.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** result) {
  if (name != nullptr)
    if (addrinfo* const found = connbench::connectors::Names::all().find(name); found != nullptr) {
      *result = found;
      return 0;
    }
  static const auto usual = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return usual == nullptr ? EAI_SYSTEM : usual(name, service, hints, result);
}
