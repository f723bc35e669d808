import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;

/** One thread, a Selector, and non-blocking SocketChannels. */
final class JavaNio {
  private record Attempt(int id, long started, SocketChannel channel) {}

  private final Wave wave;
  private final Selector selector = Selector.open();
  private final Map<Integer, Attempt> pending = new HashMap<>();
  // All attempts have the same timeout, so that their deadlines pass in the order of their beginnings.
  private final Queue<Attempt> byDeadline = new ArrayDeque<>();
  private int next = 0;

  public static void main(String[] arguments) throws Exception {
    Map<String, Object> description = Protocol.description("java-nio", "a Selector and non-blocking channels, one thread");
    description.put("deadline_by", "wait");
    Protocol.run(arguments, description, wave -> new JavaNio(wave).drive());
  }

  private JavaNio(Wave wave) throws IOException {
    this.wave = wave;
  }

  private void drive() throws IOException {
    wave.onStop(selector::wakeup);
    while (true) {
      long untilDue = begin();
      if (pending.isEmpty() && next == wave.attempts) break;
      long wait = Math.min(untilDue, untilDeadline());
      // Rounded up; 0 would mean to wait for ever.
      selector.select(this::ready, wait == Long.MAX_VALUE ? 0 : Math.max(1, Wave.toMillis(wait)));
      if (wave.stopped()) giveUp();
      while (untilDeadline() == 0) failed(byDeadline.remove(), new SocketTimeoutException());
    }
    selector.close();
  }

  /** Begins what is due and has room. Returns how long until the next one is due, or Long.MAX_VALUE. */
  private long begin() {
    for (; next < wave.attempts && pending.size() < wave.inFlight && !wave.stopped(); next++) {
      long untilDue = wave.untilDue(next);
      if (untilDue > 0) return untilDue;
      connect(next);
    }
    return Long.MAX_VALUE;
  }

  private void connect(int id) {
    long started = System.nanoTime();
    SocketChannel channel = null;
    try {
      channel = SocketChannel.open();
      channel.configureBlocking(false);
      Attempt attempt = new Attempt(id, started, channel);
      pending.put(id, attempt);
      if (channel.connect(wave.host(id))) {
        connected(attempt);
      } else {
        channel.register(selector, SelectionKey.OP_CONNECT, attempt);
        byDeadline.add(attempt);
      }
    } catch (IOException failure) {
      failed(new Attempt(id, started, channel), failure);
    }
  }

  private void ready(SelectionKey key) {
    Attempt attempt = (Attempt) key.attachment();
    try {
      if (attempt.channel.finishConnect()) {
        connected(attempt);
        key.cancel();
      }
    } catch (IOException failure) {
      failed(attempt, failure);
    }
  }

  private void connected(Attempt attempt) {
    long finished = System.nanoTime();
    pending.remove(attempt.id);
    SocketChannel channel = attempt.channel;
    wave.connected(
        attempt.id, attempt.started, finished, () -> channel.setOption(StandardSocketOptions.SO_LINGER, 0), channel);
  }

  private void failed(Attempt attempt, IOException failure) {
    wave.failed(attempt.id, attempt.started, System.nanoTime(), failure);
    pending.remove(attempt.id);
    if (attempt.channel != null) Wave.close(attempt.channel);
  }

  /** How long until the earliest deadline of what is in flight, in ns, or Long.MAX_VALUE. */
  private long untilDeadline() {
    while (!byDeadline.isEmpty() && !pending.containsKey(byDeadline.peek().id)) byDeadline.remove();
    if (byDeadline.isEmpty()) return Long.MAX_VALUE;
    return Math.max(0, byDeadline.peek().started + wave.timeoutMillis * 1_000_000L - System.nanoTime());
  }

  private void giveUp() {
    next = wave.attempts;
    for (Attempt attempt : pending.values().toArray(Attempt[]::new)) {
      failed(attempt, new ClosedChannelException());
    }
  }
}
