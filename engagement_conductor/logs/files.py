"""The log of a process, which never blocks the process.

One thread reads the pipe into a bounded queue, another writes the queue to the file. While the file
cannot be written, or only slowly, lines wait in the queue. Lines that find it full are dropped and
counted, and the log says how many as soon as it can be written.
"""

import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO

from engagement_conductor.logs.rotating_file import RotatingFile

LOG_BYTES = 5_000_000
MAX_WAITING_BYTES = 1_000_000
# Output without a line break is split into lines of this length.
LONGEST_LINE_BYTES = 64 * 1024
RETRY_SECONDS = 1.0
# A hung disk raises no error: lines that have waited for this long count as a problem.
HUNG_SECONDS = 10.0


class LogFile:
    """A file of about ``limit`` bytes; when it is full it is renamed to ``<name>.log.1``.

    Several processes may share it, one after the other or at the same time.
    """

    def __init__(self, path: Path, limit: int = LOG_BYTES) -> None:
        self.path = path
        self._file = RotatingFile(path, limit)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._progress_at = 0.0
        self._lost = 0
        self._unreported = 0
        self._write_error = ""
        self._reason = ""
        self._ended = False
        self._given_up = False
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self.write, daemon=True)

    @property
    def lost(self) -> int:
        """Number of lines that will never be written."""
        with self._changed:
            return self._lost + (len(self._waiting) if self._given_up else 0)

    @property
    def problem(self) -> str:
        """Why lines are not being written at the moment; empty if they are."""
        with self._changed:
            return self._problem()

    def _problem(self) -> str:
        if self._write_error:
            return self._write_error
        if self._waiting and time.monotonic() - self._progress_at > HUNG_SECONDS:
            return f"nothing was written for over {HUNG_SECONDS:g} s"
        return "it is written too slowly" if self._unreported else ""

    def add(self, line: bytes) -> None:
        """Queues a line; never waits for the disk."""
        with self._changed:
            # After an overflow, lines are dropped until half the queue is free, not just one line.
            room = MAX_WAITING_BYTES // 2 if self._unreported else MAX_WAITING_BYTES
            if self._waiting_bytes + len(line) > room:
                self._lost += 1
                self._reason = self._reason if self._unreported else self._problem()
                self._unreported += 1
                return
            self._queue_loss_notice()
            self._queue(line)
            self._changed.notify_all()

    def start(self) -> None:
        """Starts the thread that writes what is added."""
        self._writer.start()

    def copy(self, source: IO[bytes], then_end: bool = False) -> threading.Thread:
        """Copies the output of a process, in a separate thread, until the pipe is closed.

        Args:
            source: the pipe; it is closed afterwards.
            then_end: whether to end the log as well, because no other process shares it.
        """
        reader = threading.Thread(target=self._read, args=(source, then_end), daemon=True)
        reader.start()
        return reader

    def end(self) -> None:
        """Ends the log: waiting lines are written if that is possible now, without retries."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Ends the log; what is not written within ``seconds`` counts as lost."""
        self.end()
        self.wait(seconds)
        with self._changed:
            self._given_up = True

    def wait(self, seconds: float) -> None:
        """Returns once everything has been written, or after ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._given_up or self._is_all_written(), seconds)

    def write(self) -> None:
        """Writes what is added until the log ends, retrying after errors; run in a thread."""
        while lines := self._next():
            try:
                self._write(lines)
                self._write_error = ""
            except OSError as error:
                self._write_error = error.strerror or str(error)
                self._file.close()
                if not self._wait_to_retry():
                    break
        self._file.close()
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
        return not self._waiting and not self._unreported

    def _next(self) -> list[bytes]:
        """Waits for lines to write; returns none when the log has ended."""
        with self._changed:
            while not self._waiting and not self._unreported and not self._ended:
                self._changed.wait()
            if not self._waiting:
                self._queue_loss_notice()
            return list(self._waiting)

    def _queue_loss_notice(self) -> None:
        """Queues a line that says how many lines are missing here, if any are."""
        if self._unreported:
            reason = f" ({self._reason})" if self._reason else ""
            self._queue(f"{self._unreported} lines were not written here{reason}.\n".encode())
            self._unreported = 0

    def _queue(self, line: bytes) -> None:
        if not self._waiting:
            self._progress_at = time.monotonic()
        self._waiting.append(line)
        self._waiting_bytes += len(line)

    def _wait_to_retry(self) -> bool:
        """Waits before the next attempt; False, without waiting, if the log has ended."""
        with self._changed:
            if self._ended:
                return False
            self._changed.wait_for(lambda: self._ended, RETRY_SECONDS)
            return True

    def _write(self, lines: list[bytes]) -> None:
        descriptor = self._file.open()
        for line in lines:
            descriptor = self._file.rotate_if_full(descriptor)
            self._write_one(descriptor, line)

    def _write_one(self, descriptor: int, line: bytes) -> None:
        """Writes the first line of the queue; after an error its unwritten rest stays queued."""
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
