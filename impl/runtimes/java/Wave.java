import java.io.Closeable;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** What connbench wants to be connected, and what became of it. */
final class Wave {
  /** What may throw when a connection is closed. */
  interface Action {
    void run() throws IOException;
  }

  final int attempts;
  final int inFlight;
  final int timeoutMillis; // of each attempt: Java's timeouts count milliseconds

  private final List<InetSocketAddress> hosts = new ArrayList<>();
  private final int[] route; // null: by turns
  private final long[] schedule; // null: all at once
  private final long origin;
  private final String close;

  private final long[] started;
  private final long[] finished;
  private final Object[] results; // null: never begun; what was thrown; or "connected"
  private final List<Closeable> held = Collections.synchronizedList(new ArrayList<>());

  private volatile boolean stopped = false;
  private Runnable onStop = () -> {};

  Wave(Map<?, ?> wanted, long origin) throws UnknownHostException {
    attempts = ((Number) wanted.get("attempts")).intValue();
    inFlight = ((Number) wanted.get("in_flight")).intValue();
    timeoutMillis = toMillis(((Number) wanted.get("timeout_ns")).longValue());
    for (Object host : (List<?>) wanted.get("hosts")) {
      Map<?, ?> first = (Map<?, ?>) ((List<?>) host).get(0);
      InetAddress ip = InetAddress.getByName((String) first.get("ip"));
      hosts.add(new InetSocketAddress(ip, ((Number) first.get("port")).intValue()));
    }
    List<?> routes = (List<?>) wanted.get("route");
    route = routes == null ? null : routes.stream().mapToInt(each -> ((Number) each).intValue()).toArray();
    List<?> due = (List<?>) wanted.get("schedule_ns");
    schedule = due == null ? null : due.stream().mapToLong(each -> ((Number) each).longValue()).toArray();
    close = (String) wanted.get("close");
    this.origin = origin;
    started = new long[attempts];
    finished = new long[attempts];
    results = new Object[attempts];
  }

  /** Nanoseconds in milliseconds, rounded up. */
  static int toMillis(long nanos) {
    return (int) ((nanos + 999_999) / 1_000_000);
  }

  InetSocketAddress host(int attempt) {
    return hosts.get(route == null ? attempt % hosts.size() : route[attempt]);
  }

  /** How long until an attempt is due, in ns; 0 if it is. */
  long untilDue(int attempt) {
    return schedule == null ? 0 : Math.max(0, origin + schedule[attempt] - System.nanoTime());
  }

  /** Waits until an attempt is due, or until the wave is to end, and returns false in the latter case. */
  synchronized boolean awaitDue(int attempt) throws InterruptedException {
    for (long left; !stopped && (left = untilDue(attempt)) > 0; ) {
      wait(left / 1_000_000, (int) (left % 1_000_000));
    }
    return !stopped;
  }

  boolean stopped() {
    return stopped;
  }

  /** Says what gives up the attempts in flight. Begin none when stopped() is true. */
  synchronized void onStop(Runnable giveUp) {
    onStop = giveUp;
    if (stopped) giveUp.run();
  }

  synchronized void stop() {
    stopped = true;
    notifyAll();
    onStop.run();
  }

  /** Records a connection and closes it as the wave wants it; `linger` sets SO_LINGER to 0 s. */
  void connected(int attempt, long begun, long ended, Action linger, Closeable connection) {
    record(attempt, begun, ended, "connected");
    if (holds()) {
      held.add(connection);
      return;
    }
    try {
      if (close.equals("rst")) linger.run();
    } catch (IOException gone) {
      // The other end has reset it.
    }
    close(connection);
  }

  boolean holds() {
    return close.equals("hold");
  }

  static void close(Closeable connection) {
    try {
      connection.close();
    } catch (IOException gone) {
      // There is nothing left to close.
    }
  }

  void failed(int attempt, long begun, long ended, Throwable thrown) {
    record(attempt, begun, ended, Errors.isOfClosing(thrown) && stopped ? "cancelled" : thrown);
  }

  private void record(int attempt, long begun, long ended, Object result) {
    started[attempt] = begun;
    finished[attempt] = ended;
    results[attempt] = result;
  }

  void closeHeld() {
    held.forEach(Wave::close);
  }

  void report(PrintStream out) {
    for (int i = 0; i < attempts; i++) {
      Object result = results[i] == null ? "cancelled" : results[i];
      String word = result instanceof Throwable thrown ? Errors.outcome(thrown) : result.toString();
      out.println(i + " " + started[i] + " " + finished[i] + " " + word);
    }
  }
}
