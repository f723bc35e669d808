"""Threads: socket.create_connection() with its timeout, a thread per attempt."""

import select
import socket
import threading

import protocol


def attempt(wave, i, room):
    started = protocol.now()
    try:
        connection = socket.create_connection(wave.host(i), wave.timeout)
    except OSError as error:
        wave.failed(i, started, protocol.now(), error)
    else:
        wave.connected(i, started, protocol.now(), connection, connection.close)
    room.release()


def listen(stop):
    select.select([0], [], [])
    stop.set()


def drive(wave):
    room, threads, stop = threading.Semaphore(wave.in_flight), [], threading.Event()
    threading.Thread(target=listen, args=(stop,), daemon=True).start()
    for i in range(wave.attempts):
        room.acquire()
        # Nothing ends an attempt in a thread but its deadline. So "stop" only prevents the next ones.
        while not stop.is_set() and (wait := wave.until_due(i)):
            stop.wait(wait)
        if stop.is_set():
            break
        thread = threading.Thread(target=attempt, args=(wave, i, room))
        try:
            thread.start()
        except RuntimeError as error:
            wave.failed(i, 0, 0, error)
            room.release()
        else:
            threads.append(thread)
    for thread in threads:
        thread.join()
    wave.close_held()


if __name__ == "__main__":
    protocol.run(
        {
            "name": "python-threads",
            "summary": "socket.create_connection() with timeout, a thread per attempt",
            "families": ["4", "6"],
            "threads": "per_attempt",
            "deadline_by": "wait",
            "granularity_ns": 1_000_000,  # Python rounds the timeout of poll() up to milliseconds
            "cancellable": False,
            "close": protocol.CLOSE,
        },
        drive,
    )
