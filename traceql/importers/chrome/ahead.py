"""Read blocks ahead in a thread of their own: reading, unpacking and hashing beside the scan."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceql.importers._json_stream import Blocks

MOST_BLOCKS = 16


class Ahead:
    """Blocks, some of them read before they are asked for.

    Args:
        blocks: used in the thread only, until `stop`; then they are the caller's again.
    """

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._read: deque[bytes] = deque()
        self._error: BaseException | None = None
        self._stopped = self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="traceql-read", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        """Give the blocks.

        Raises:
            Exception: whatever reading a block raised, in its place.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._read or self._ended)
                if not self._read:
                    break
                block = self._read.popleft()
                self._changed.notify()
            yield block
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the thread after the block that it reads just now; put back what was not taken."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()
        self._blocks.put_back(list(self._read), self._error)
        self._read.clear()

    def _run(self) -> None:
        try:
            for block in self._blocks:
                with self._changed:
                    self._read.append(block)
                    self._changed.notify()
                    self._changed.wait_for(lambda: self._stopped or len(self._read) < MOST_BLOCKS)
                    if self._stopped:
                        break
        except BaseException as error:  # noqa: BLE001  (raised again where the block was due)
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify()
