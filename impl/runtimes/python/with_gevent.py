"""gevent: its socket.create_connection() with timeout, a greenlet per attempt."""

import gevent
import gevent.pool
import gevent.socket
import protocol


def attempt(wave, i):
    started = protocol.now()
    try:
        connection = gevent.socket.create_connection(wave.host(i), wave.timeout)
    except OSError as error:
        wave.failed(i, started, protocol.now(), error)
    except gevent.GreenletExit as error:
        wave.failed(i, started, protocol.now(), error)
    else:
        wave.connected(i, started, protocol.now(), connection, connection.close)


def drive(wave):
    pool = gevent.pool.Pool(wave.in_flight)

    def begin_all():
        for i in range(wave.attempts):
            while wait := wave.until_due(i):
                gevent.sleep(wait)
            pool.spawn(attempt, wave, i)  # waits for room

    beginning = gevent.spawn(begin_all)

    def stop():
        gevent.socket.wait_read(0)
        beginning.kill()
        pool.kill()

    stopping = gevent.spawn(stop)
    beginning.join()
    pool.join()
    stopping.kill()
    wave.close_held()


if __name__ == "__main__":
    protocol.run(
        {
            "name": "gevent",
            "summary": "gevent.socket.create_connection() with timeout, a greenlet per attempt",
            "libraries": [{"name": "gevent", "version": gevent.__version__}],
            "families": ["4", "6"],
            "close": protocol.CLOSE,
            "steered_by": ["GEVENT_LOOP", "GEVENT_BACKEND", "GEVENT_RESOLVER", "GEVENT_THREADPOOL"],
        },
        drive,
    )
