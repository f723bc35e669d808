"""asyncio: open_connection() in wait_for(), a task per attempt."""

import asyncio

import protocol


async def attempt(wave, i):
    ip, port = wave.host(i)
    started = protocol.now()
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(ip, port), wave.timeout)
    except (OSError, asyncio.CancelledError) as error:
        wave.failed(i, started, protocol.now(), error)
    else:
        finished = protocol.now()
        wave.connected(i, started, finished, writer.get_extra_info("socket"), writer.close)


async def drive(wave):
    loop, room, pending = asyncio.get_running_loop(), asyncio.Semaphore(wave.in_flight), set()

    def ended(task):
        pending.discard(task)
        room.release()

    async def begin_all():
        for i in range(wave.attempts):
            while wait := wave.until_due(i):
                await asyncio.sleep(wait)
            await room.acquire()
            task = asyncio.create_task(attempt(wave, i))
            pending.add(task)
            task.add_done_callback(ended)

    beginning = asyncio.create_task(begin_all())

    def stop():
        loop.remove_reader(0)
        for task in [beginning, *pending]:
            task.cancel()

    loop.add_reader(0, stop)
    await asyncio.wait([beginning])
    while pending:
        await asyncio.wait(pending)
    loop.remove_reader(0)
    wave.close_held()
    await asyncio.sleep(0)  # which closes them


if __name__ == "__main__":
    protocol.run(
        {
            "name": "asyncio",
            "summary": "open_connection() in wait_for(), a task per attempt",
            "families": ["4", "6"],
            "granularity_ns": 1_000_000,  # asyncio rounds the wait for epoll up to milliseconds
            "close": protocol.CLOSE,
            "misleading": protocol.MISLEADING,
            "steered_by": ["PYTHONASYNCIODEBUG"],
        },
        lambda wave: asyncio.run(drive(wave)),
    )
