import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.util.Version;
import io.netty.util.concurrent.EventExecutor;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** A Bootstrap with CONNECT_TIMEOUT_MILLIS, which both transports of Netty share. */
final class NettyClient {
  static void run(
      String[] arguments, Map<String, Object> description, EventLoopGroup group, Class<? extends Channel> channel)
      throws Exception {
    description.put("threads", "runtime");
    String version = Version.identify().get("netty-transport").artifactVersion();
    description.put("libraries", List.of(Map.of("name", "Netty", "version", version)));
    Bootstrap bootstrap = new Bootstrap().group(group).channel(channel).handler(new ChannelInitializer<Channel>() {
      @Override
      protected void initChannel(Channel connecting) {} // nothing is sent or read
    });
    Protocol.run(arguments, description, wave -> drive(wave, bootstrap));
  }

  private static void drive(Wave wave, Bootstrap bootstrap) throws InterruptedException {
    bootstrap.option(ChannelOption.CONNECT_TIMEOUT_MILLIS, wave.timeoutMillis);
    Semaphore room = new Semaphore(wave.inFlight);
    Set<Channel> pending = ConcurrentHashMap.newKeySet();
    wave.onStop(() -> pending.forEach(Channel::close));
    for (int i = 0; i < wave.attempts; i++) {
      room.acquire();
      if (!wave.awaitDue(i)) {
        room.release();
        break;
      }
      int attempt = i;
      long started = System.nanoTime();
      ChannelFuture connecting = bootstrap.connect(wave.host(attempt));
      Channel channel = connecting.channel();
      pending.add(channel);
      if (wave.stopped()) channel.close();
      connecting.addListener(ended -> {
        long finished = System.nanoTime();
        pending.remove(channel);
        if (ended.isSuccess()) {
          try {
            connected(wave, attempt, started, finished, channel);
          } catch (ChannelException gone) {
            channel.close(); // Netty has read the other end's FIN before we came here, and has closed it
          }
        } else {
          wave.failed(attempt, started, finished, ended.cause());
          if (channel.isOpen()) channel.close(); // one that could not be created cannot be closed either
        }
        if (wave.holds() || !channel.isOpen()) {
          room.release();
        } else {
          channel.closeFuture().addListener(closed -> room.release());
        }
      });
    }
    room.acquire(wave.inFlight);
    awaitSelects(bootstrap.config().group());
  }

  // Java closes a socket that a selector knows when that selects next. A task for later runs after that.
  private static void awaitSelects(EventLoopGroup group) throws InterruptedException {
    for (EventExecutor loop : group) loop.schedule(() -> {}, 1, TimeUnit.MILLISECONDS).sync();
  }

  private static void connected(Wave wave, int attempt, long started, long finished, Channel channel) {
    Wave.Action linger = () -> channel.config().setOption(ChannelOption.SO_LINGER, 0);
    wave.connected(attempt, started, finished, linger, () -> {
      ChannelFuture closing = channel.close();
      if (wave.holds()) closing.syncUninterruptibly(); // at the end, when no event loop is waiting
    });
  }
}
