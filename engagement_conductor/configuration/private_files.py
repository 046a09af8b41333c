"""Files and folders that only their owner can read, and secrets stored in them."""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def private_folder(path: Path, mode: int = 0o700) -> Path:
    """Returns the folder, created if missing, after removing permissions beyond ``mode``.

    Args:
        path: the folder.
        mode: the most permissive mode allowed; a stricter one is kept.

    Raises:
        OSError: the folder cannot be created, or belongs to another user.
    """
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    allowed = stat.S_IMODE(path.stat().st_mode)
    if allowed & ~mode:
        path.chmod(allowed & mode)
    return path


def open_private(path: Path) -> IO[bytes]:
    """Opens a file for writing, emptied and readable by its owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "wb")


def stored_secret(path: Path) -> str:
    """Returns the secret in a file; the first call generates it, readable by its owner only.

    Raises:
        OSError: it cannot be written. No empty file is left that could be taken for a secret.
    """
    if not _has_contents(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _exclusive_lock(path.parent):
            if not _has_contents(path):  # another process may have been faster
                _generate_secret(path)
    return path.read_text(encoding="utf-8").strip()


def _has_contents(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


@contextmanager
def _exclusive_lock(folder: Path) -> Iterator[None]:
    """Locks a folder against other processes that generate a secret in it.

    It locks the folder itself, which also works without hard links, as on exFAT or FUSE.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _generate_secret(path: Path) -> None:
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with open_private(unfinished) as file:
            file.write(secrets.token_urlsafe(50).encode())
        unfinished.replace(path)  # also replaces an empty file left by an interrupted older release
    finally:
        unfinished.unlink(missing_ok=True)
