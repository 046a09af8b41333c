"""Files in a folder that other users of this machine could read."""

import stat
from collections.abc import Iterator
from pathlib import Path

READABLE = stat.S_IRGRP | stat.S_IROTH
PASSABLE = stat.S_IXGRP | stat.S_IXOTH


def readable_by_others(folder: Path) -> list[Path]:
    """Files and sockets that group or others can read, provided they can enter the folder."""
    return sorted(_readable(folder))


def _readable(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            if mode & PASSABLE:
                yield from _readable(path)
        elif mode & READABLE and not stat.S_ISLNK(mode):
            yield path
