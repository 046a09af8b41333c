"""The log of a process: written whenever it can be, and never what the process waits for.

One thread empties the pipe into a bounded queue, another writes the queue to the file. While the
file cannot be written, or only slowly, lines wait; those for which there is no room are counted,
and the log says how many they were as soon as it can.
"""

import os
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO

from engagement_conductor.configuration.env import private_folder

LOG_BYTES = 5_000_000
MOST_WAITING_BYTES = 1_000_000
# A process that writes without ending a line is taken at its word after so much.
LONGEST_LINE_BYTES = 64 * 1024
RETRY_SECONDS = 1.0
# A disk that hangs says nothing: what has not been written for so long is a problem, too.
HUNG_SECONDS = 10.0
PRIVATE = 0o600


class LogFile:
    """A file of at most ``limit`` bytes or so; a full one becomes ``<name>.log.1``.

    Several processes may be copied to it, one after the other or at once.
    """

    def __init__(self, path: Path, limit: int = LOG_BYTES) -> None:
        self.path = path
        self._limit = limit
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._progress_at = 0.0
        self._lost = 0
        self._untold = 0
        self._refusal = ""
        self._reason = ""
        self._ended = False
        self._given_up = False
        self._changed = threading.Condition()
        self._descriptor: int | None = None
        self._writer = threading.Thread(target=self.write, daemon=True)

    @property
    def lost(self) -> int:
        """Lines that were given and will never be in it."""
        with self._changed:
            return self._lost + (len(self._waiting) if self._given_up else 0)

    @property
    def problem(self) -> str:
        """Why what it is given is not in it just now; empty while it is."""
        with self._changed:
            return self._problem()

    def _problem(self) -> str:
        if self._refusal:
            return self._refusal
        if self._waiting and time.monotonic() - self._progress_at > HUNG_SECONDS:
            return f"nothing was written for over {HUNG_SECONDS:g} s"
        return "it is written too slowly" if self._untold else ""

    def add(self, line: bytes) -> None:
        """Takes a line to be written; never waits for the disk."""
        with self._changed:
            # Once there was no room, there is to be some for more than a line or two.
            room = MOST_WAITING_BYTES // 2 if self._untold else MOST_WAITING_BYTES
            if self._waiting_bytes + len(line) > room:
                self._lost += 1
                self._reason = self._reason if self._untold else self._problem()
                self._untold += 1
                return
            self._tell()
            self._queue(line)
            self._changed.notify_all()

    def begin(self) -> None:
        """From now on a thread of its own writes what is added."""
        self._writer.start()

    def copy(self, source: IO[bytes], then_end: bool = False) -> threading.Thread:
        """Copies what a process says, in a thread of its own, until the process is silent.

        Args:
            source: the pipe; it is closed afterwards.
            then_end: nobody else is copied to this log.
        """
        reader = threading.Thread(target=self._read, args=(source, then_end), daemon=True)
        reader.start()
        return reader

    def end(self) -> None:
        """There will be no more lines: what still waits is written if it can be now."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Ends it, waits until all is written, and after ``seconds`` takes the rest for lost."""
        self.end()
        self.wait(seconds)
        with self._changed:
            self._given_up = True

    def wait(self, seconds: float) -> None:
        """Returns when all that was added is written, or after ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._given_up or self._is_all_written(), seconds)

    def write(self) -> None:
        """Writes what is added, across every failure, until the end; for a thread of its own."""
        while lines := self._next():
            try:
                self._write(lines)
                self._refusal = ""
            except OSError as error:
                self._refusal = error.strerror or str(error)
                self._close()
                if not self._wait_to_retry():
                    break
        self._close()
        with self._changed:
            self._given_up = True
            self._changed.notify_all()

    def _read(self, source: IO[bytes], then_end: bool) -> None:
        try:
            with source:
                while line := source.readline(LONGEST_LINE_BYTES):
                    self.add(line)
        finally:
            if then_end:
                self.end()

    def _is_all_written(self) -> bool:
        return not self._waiting and not self._untold

    def _next(self) -> list[bytes]:
        """What is to be written now; nothing at the end."""
        with self._changed:
            while not self._waiting and not self._untold and not self._ended:
                self._changed.wait()
            if not self._waiting:
                self._tell()
            return list(self._waiting)

    def _tell(self) -> None:
        """Where lines are missing, says how many."""
        if self._untold:
            reason = f" ({self._reason})" if self._reason else ""
            self._queue(f"{self._untold} lines were not written here{reason}.\n".encode())
            self._untold = 0

    def _queue(self, line: bytes) -> None:
        if not self._waiting:
            self._progress_at = time.monotonic()
        self._waiting.append(line)
        self._waiting_bytes += len(line)

    def _wait_to_retry(self) -> bool:
        """Returns after a moment; False where there was no more to wait for."""
        with self._changed:
            if self._ended:
                return False
            self._changed.wait_for(lambda: self._ended, RETRY_SECONDS)
            return True

    def _write(self, lines: list[bytes]) -> None:
        descriptor = self._open()
        for line in lines:
            if os.fstat(descriptor).st_size > self._limit:
                descriptor = self._begin_anew(descriptor)
            self._write_one(descriptor, line)

    def _write_one(self, descriptor: int, line: bytes) -> None:
        """Writes the first line that waits; what could not be written of it goes on waiting."""
        while line:
            written = os.write(descriptor, line)
            line = line[written:]
            with self._changed:
                self._waiting_bytes -= written
                self._waiting[0] = line
                self._progress_at = time.monotonic()
        with self._changed:
            self._waiting.popleft()
            self._changed.notify_all()

    def _open(self) -> int:
        """The file of that name: somebody may have moved or deleted the one that was written."""
        if self._descriptor is not None and not _is_at(self.path, self._descriptor):
            self._close()
        if self._descriptor is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(OSError):  # as below
                private_folder(self.path.parent)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, PRIVATE)
            with suppress(OSError):  # somebody else's, or on a disk without rights
                os.fchmod(self._descriptor, PRIVATE)
        return self._descriptor

    def _begin_anew(self, descriptor: int) -> int:
        try:
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        except OSError as error:
            # Rather the new lines than the old ones, and no more than there is room for.
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"Earlier lines could not be kept: {error}\n".encode())
        return self._open()

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):  # a late failure of a write; the descriptor is gone anyway
                os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
