"""uvloop: what asyncio does, with libuv as its event loop."""

import protocol
import uvloop
from with_asyncio import drive

if __name__ == "__main__":
    protocol.run(
        {
            "name": "uvloop",
            "summary": "asyncio's open_connection() in wait_for(), on uvloop",
            "libraries": [{"name": "uvloop", "version": uvloop.__version__}],
            "families": ["4", "6"],
            "granularity_ns": 1_000_000,
            # Delays are rounded to the nearest millisecond, and libuv's clock is cut to milliseconds. It reads the
            # coarse clock where that is fine enough.
            "early_ns": 2_500_000,
            "close": protocol.CLOSE,
            "misleading": protocol.MISLEADING,
            "steered_by": ["UV_USE_IO_URING", "UV_THREADPOOL_SIZE"],
        },
        lambda wave: uvloop.run(drive(wave)),
    )
