import java.io.IOException;
import java.net.Socket;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;

/** Socket.connect() with a timeout, a virtual thread per attempt. */
final class JavaVirtualThreads {
  public static void main(String[] arguments) throws Exception {
    Map<String, Object> description =
        Protocol.description("java-virtual-threads", "Socket.connect() with timeout, a virtual thread per attempt");
    description.put("threads", "runtime");
    description.put("misleading", Protocol.MISLEADING_SOCKETS);
    description.put("early_ns", Protocol.EARLY_OF_SOCKETS);
    Protocol.run(arguments, description, JavaVirtualThreads::drive);
  }

  private static void drive(Wave wave) throws InterruptedException {
    Semaphore room = new Semaphore(wave.inFlight);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      wave.onStop(threads::shutdownNow); // an interrupt ends connect() in a virtual thread
      for (int i = 0; i < wave.attempts; i++) {
        room.acquire();
        if (!wave.awaitDue(i)) break;
        int attempt = i;
        threads.execute(() -> {
          connect(wave, attempt);
          room.release();
        });
      }
    } catch (RejectedExecutionException stopped) {
      // The wave ended between the last two lines.
    } // the executor has waited for all of them
  }

  private static void connect(Wave wave, int attempt) {
    long started = System.nanoTime();
    Socket socket = new Socket();
    try {
      socket.connect(wave.host(attempt), wave.timeoutMillis);
      long finished = System.nanoTime();
      wave.connected(attempt, started, finished, () -> socket.setSoLinger(true, 0), socket);
    } catch (IOException failure) {
      wave.failed(attempt, started, System.nanoTime(), failure);
      Wave.close(socket);
    }
  }
}
