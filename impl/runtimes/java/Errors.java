import java.net.SocketTimeoutException;
import java.nio.channels.ClosedChannelException;
import java.util.LinkedHashMap;
import java.util.Map;

/** What Java throws, in the protocol's words. Java hides the errno, but repeats the C library's text for it. */
final class Errors {
  private static final Map<String, String> NAMES = new LinkedHashMap<>();

  static {
    NAMES.put("Connection refused", "ECONNREFUSED");
    NAMES.put("Connection timed out", "ETIMEDOUT");
    NAMES.put("Connection reset", "ECONNRESET");
    NAMES.put("No route to host", "EHOSTUNREACH");
    NAMES.put("Host is unreachable", "EHOSTUNREACH");
    NAMES.put("Network is unreachable", "ENETUNREACH");
    NAMES.put("Too many open files in system", "ENFILE");
    NAMES.put("Too many open files", "EMFILE");
    NAMES.put("Cannot assign requested address", "EADDRNOTAVAIL");
    NAMES.put("Address already in use", "EADDRINUSE");
    NAMES.put("Address family not supported", "EAFNOSUPPORT");
    NAMES.put("Permission denied", "EACCES");
    NAMES.put("Operation not permitted", "EPERM");
    NAMES.put("Invalid argument", "EINVAL");
    NAMES.put("Protocol error", "EPROTO");
    NAMES.put("Protocol not available", "ENOPROTOOPT");
    NAMES.put("Software caused connection abort", "ECONNABORTED");
    NAMES.put("Resource temporarily unavailable", "EAGAIN");
    NAMES.put("Cannot allocate memory", "ENOMEM");
    NAMES.put("No buffer space available", "ENOBUFS");
    // pthread_create() has no other error that a program meets.
    NAMES.put("unable to create native thread", "EAGAIN spawn");
  }

  /** Whether it is thrown because the program itself closed the socket. */
  static boolean isOfClosing(Throwable thrown) {
    String message = String.valueOf(thrown.getMessage());
    return thrown instanceof ClosedChannelException
        || thrown instanceof InterruptedException
        || message.equals("Socket closed")
        || message.equals("Closed by interrupt");
  }

  static String outcome(Throwable thrown) {
    // Netty's exception for its own timeout has this name, and is a ConnectException.
    if (thrown instanceof SocketTimeoutException || thrown.getClass().getSimpleName().equals("ConnectTimeoutException")) {
      return "timeout";
    }
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      for (Map.Entry<String, String> each : NAMES.entrySet()) {
        if (String.valueOf(cause.getMessage()).contains(each.getKey())) return each.getValue();
      }
    }
    String message = String.valueOf(thrown.getMessage());
    String word = thrown.getClass().getSimpleName() + (message.startsWith("null") ? "" : ":" + message);
    return "other:" + word.replaceAll("\\s+", "-");
  }

  private Errors() {}
}
