"""A private file that is renamed when it is full, and opened again when it has been moved away."""

import os
from contextlib import suppress
from pathlib import Path

from engagement_conductor.configuration.private_files import private_folder

FILE_MODE = 0o600


class RotatingFile:
    """A file of about ``limit`` bytes; when it is full it is renamed to ``<name>.1``.

    Every method but :meth:`close` raises ``OSError`` if the file cannot be written.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._limit = limit
        self._descriptor: int | None = None

    def open(self) -> int:
        """Returns the descriptor; opens the file, again if the open one was moved or deleted."""
        if self._descriptor is not None and not _is_at(self.path, self._descriptor):
            self.close()
        if self._descriptor is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(OSError):  # see below
                private_folder(self.path.parent)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, FILE_MODE)
            with suppress(OSError):  # not the owner, or a file system without permissions
                os.fchmod(self._descriptor, FILE_MODE)
        return self._descriptor

    def rotate_if_full(self, descriptor: int) -> int:
        """Returns the descriptor to write to: that of a new file if this one is full."""
        if os.fstat(descriptor).st_size <= self._limit:
            return descriptor
        try:
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        except OSError as error:
            # New lines matter more than old ones, and the file must not grow beyond its limit.
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"Earlier lines could not be kept: {error}\n".encode())
        return self.open()

    def close(self) -> None:
        """Closes the file if it is open."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):  # a delayed write error; the descriptor is closed anyway
                os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
