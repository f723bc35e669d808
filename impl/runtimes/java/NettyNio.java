import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.util.Map;

/** Netty on Java's NIO, with the number of event loops that it chooses. */
final class NettyNio {
  public static void main(String[] arguments) throws Exception {
    MultiThreadIoEventLoopGroup group = new MultiThreadIoEventLoopGroup(NioIoHandler.newFactory());
    Map<String, Object> description =
        Protocol.description("netty", "a Bootstrap with CONNECT_TIMEOUT_MILLIS, NIO transport");
    NettyClient.run(arguments, description, group, NioSocketChannel.class);
  }
}
