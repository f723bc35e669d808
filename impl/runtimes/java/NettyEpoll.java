import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import java.util.Map;
import java.util.stream.Stream;

/** Netty on its own epoll, with the number of event loops that it chooses. */
final class NettyEpoll {
  public static void main(String[] arguments) throws Exception {
    MultiThreadIoEventLoopGroup group = new MultiThreadIoEventLoopGroup(EpollIoHandler.newFactory());
    Map<String, Object> description =
        Protocol.description("netty-epoll", "a Bootstrap with CONNECT_TIMEOUT_MILLIS, epoll transport");
    String reason = "this transport throws NoRouteToHostException without a reason, for ENETUNREACH and EHOSTUNREACH alike";
    description.put(
        "misleading",
        Stream.of("net-unreachable", "host-unreachable", "no-arp")
            .map(target -> Map.of("target", target, "reason", reason))
            .toList());
    NettyClient.run(arguments, description, group, EpollSocketChannel.class);
  }
}
