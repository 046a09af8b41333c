"""A disk small enough to be filled: a tmpfs, which only root can mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engagement_conductor.configuration.private_files import stored_secret
from engagement_conductor.local_stack.ports import find_free
from engagement_conductor.local_stack.postgresql import PostgreSQL

# A new cluster takes 40 MB, and its WAL up to a gigabyte.
SIZE = "1500m"
BLOCK = bytes(1_000_000)


@dataclass(frozen=True)
class SmallDisk:
    """A mounted disk.

    Attributes:
        folder: where it is mounted.
    """

    folder: Path

    def hold_database_of(self, data_folder: Path) -> None:
        """Creates the database of a new data folder on this disk, and links it there."""
        directory = self.folder / "postgresql"
        password = stored_secret(data_folder / "postgresql_password")
        PostgreSQL(directory, find_free(), password).launch().prepare()
        (data_folder / "postgresql").symlink_to(directory)

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Keeps the disk completely full until the block ends."""
        filler = self.folder / "filler"
        try:
            with filler.open("wb", buffering=0) as file:
                for size in (len(BLOCK), 4_096, 1):
                    self._fill(file.fileno(), BLOCK[:size])
                yield
        finally:
            filler.unlink()

    @staticmethod
    def _fill(file: int, block: bytes) -> None:
        try:
            while os.write(file, block) == len(block):
                pass
        except OSError:
            return


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """A disk mounted at a new folder; None if this user may not mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0777", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
