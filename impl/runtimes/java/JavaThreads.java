import java.io.IOException;
import java.net.Socket;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/** Socket.connect() with a timeout, a platform thread per attempt. */
final class JavaThreads {
  public static void main(String[] arguments) throws Exception {
    Map<String, Object> description =
        Protocol.description("java-threads", "Socket.connect() with timeout, a platform thread per attempt");
    description.put("threads", "per_attempt");
    description.put("deadline_by", "wait");
    description.put("misleading", Protocol.MISLEADING_SOCKETS);
    description.put("early_ns", Protocol.EARLY_OF_SOCKETS);
    Protocol.run(arguments, description, JavaThreads::drive);
  }

  private static void drive(Wave wave) throws InterruptedException {
    Semaphore room = new Semaphore(wave.inFlight);
    Set<Socket> pending = ConcurrentHashMap.newKeySet(); // only closing a socket ends its connect()
    wave.onStop(() -> pending.forEach(Wave::close));
    for (int i = 0; i < wave.attempts; i++) {
      room.acquire();
      if (!wave.awaitDue(i)) {
        room.release();
        break;
      }
      int attempt = i;
      Thread thread = new Thread(() -> {
        connect(wave, attempt, pending);
        room.release();
      });
      try {
        thread.start();
      } catch (OutOfMemoryError noThread) {
        wave.failed(attempt, 0, 0, noThread);
        room.release();
      }
    }
    room.acquire(wave.inFlight);
  }

  private static void connect(Wave wave, int attempt, Set<Socket> pending) {
    long started = System.nanoTime();
    Socket socket = new Socket();
    pending.add(socket);
    try {
      if (wave.stopped()) socket.close();
      socket.connect(wave.host(attempt), wave.timeoutMillis);
      long finished = System.nanoTime();
      wave.connected(attempt, started, finished, () -> socket.setSoLinger(true, 0), socket);
    } catch (IOException failure) {
      wave.failed(attempt, started, System.nanoTime(), failure);
      Wave.close(socket);
    }
    pending.remove(socket);
  }
}
