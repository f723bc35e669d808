import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Speaks with connbench (docs/programs.md). */
final class Protocol {
  /** Makes the attempts of a wave, and returns when all have ended and only held connections are open. */
  interface Driver {
    void drive(Wave wave) throws Exception;
  }

  /**
   * How much too early Socket.connect() may give up: it subtracts two readings of the wall clock, cut to milliseconds,
   * from its timeout (SocksSocketImpl, also without a proxy).
   */
  static final int EARLY_OF_SOCKETS = 1_000_000;

  static final List<Map<String, String>> MISLEADING_SOCKETS =
      List.of(Map.of("target", "host-unreachable", "reason", "takes SO_ERROR 0 for success (docs/connect.md)"));

  private static final PrintStream OUT =
      new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false);
  private static final BufferedReader IN =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII), 1 << 20);

  /** What all Java connectors have in common, for a description. */
  static Map<String, Object> description(String name, String summary) {
    Map<String, Object> description = new LinkedHashMap<>();
    description.put("protocol", 1);
    description.put("name", name);
    description.put("summary", summary);
    description.put("language", "Java");
    description.put("version", System.getProperty("java.version"));
    description.put("families", List.of("4", "6"));
    description.put("granularity_ns", 1_000_000); // Java's timeouts count milliseconds
    description.put("close", List.of("rst", "fin", "hold"));
    description.put("steered_by", List.of("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"));
    return description;
  }

  static void run(String[] arguments, Map<String, Object> description, Driver driver) throws Exception {
    if (arguments.length == 1 && arguments[0].equals("--describe")) {
      say(Json.write(description));
      System.exit(0); // whatever threads a library has left
    }
    String line = IN.readLine();
    if (line == null) fail("there is no wave");
    Map<?, ?> wanted = null;
    try {
      wanted = (Map<?, ?>) Json.read(line);
    } catch (RuntimeException nonsense) {
      fail("cannot read the wave: " + nonsense.getMessage());
    }
    Errors.outcome(new SocketTimeoutException()); // loads the class, while there are descriptors to load it with
    if (wanted.get("warm_up") instanceof Map<?, ?> warmUp) drive(new Wave(warmUp, 0), driver);
    say("ready {\"clock_error_ns\": 0}"); // System.nanoTime() is CLOCK_MONOTONIC
    String start = IN.readLine();
    if (start == null || !start.startsWith("start ")) fail("expected start, not: " + start);
    Wave wave = new Wave(wanted, Long.parseLong(start.substring("start ".length())));
    Thread listening = new Thread(() -> listen(wave));
    listening.setDaemon(true);
    listening.start();
    drive(wave, driver);
    say("done");
    listening.join();
    wave.report(OUT);
    say("end");
    System.exit(0);
  }

  private static void drive(Wave wave, Driver driver) throws Exception {
    driver.drive(wave);
    wave.closeHeld();
  }

  /** Reads until "report" or the end of stdin; "stop" or the end also ends the wave. */
  private static void listen(Wave wave) {
    try {
      for (String line = ""; !"report".equals(line); ) {
        line = IN.readLine();
        if (line == null || line.equals("stop")) wave.stop();
        if (line == null) return;
      }
    } catch (IOException unreadable) {
      wave.stop();
    }
  }

  private static void say(String line) {
    OUT.println(line);
    OUT.flush();
  }

  private static void fail(String reason) {
    System.err.println(reason);
    System.exit(1);
  }

  private Protocol() {}
}
