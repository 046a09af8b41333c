"""Strict readers for settings that come from the environment.

Every reader raises ``ImproperlyConfigured`` with the variable's name and what it accepts, so that a
typing error stops the process at its start instead of changing its behaviour.
"""

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent


def read_string(name: str, default: str) -> str:
    """The variable's value, or ``default`` when it is unset or empty."""
    return os.environ.get(name) or default


def read_boolean(name: str, default: bool) -> bool:
    """``True`` or ``False`` by those very words; unset or empty gives ``default``."""
    value = os.environ.get(name, "")
    choices = {"": default, "True": True, "False": False}
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be True or False, not {value!r}.")
    return choices[value]


def read_integer(name: str, default: int, minimum: int, maximum: int) -> int:
    """A whole number between ``minimum`` and ``maximum``, both included."""
    value = os.environ.get(name) or str(default)
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not minimum <= number <= maximum:
        raise ImproperlyConfigured(f"{name} must be {minimum} to {maximum}, not {number}.")
    return number


def read_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``, by that very word; unset or empty gives ``default``."""
    value = read_string(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def read_list(name: str, default: list[str]) -> list[str]:
    """Comma-separated values, stripped; unset or empty gives ``default``."""
    value = os.environ.get(name, "")
    return [part.strip() for part in value.split(",") if part.strip()] or default


def data_dir() -> Path:
    """The ignored folder of everything this checkout writes: servers, keys, logs."""
    return Path(read_string("DATA_DIR", str(_own_data_dir()))).resolve()


def _own_data_dir() -> Path:
    return BASE_DIR / ".data"


def is_own_data_dir(path: Path) -> bool:
    """Whether a data folder is the one that is made here, and not one that somebody has named."""
    return path.resolve() == _own_data_dir().resolve()


def private_folder(path: Path, mode: int = 0o700) -> Path:
    """The folder, made if need be, which nobody but its owner may look into.

    Args:
        path: the folder.
        mode: what it allows at most; less than that stays less.

    Raises:
        OSError: it cannot be made, or is somebody else's.
    """
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    allowed = stat.S_IMODE(path.stat().st_mode)
    if allowed & ~mode:
        path.chmod(allowed & mode)
    return path


def open_private(path: Path) -> IO[bytes]:
    """A file to be written anew, which nobody but its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "wb")


def read_secret(name: str, generate: bool) -> str:
    """A secret from ``NAME``, from the file named in ``NAME_FILE``, or made once and kept.

    Args:
        name: the variable.
        generate: whether a missing secret may be made and stored in the data folder, readable by
            its owner only. Public deployments must not, as every machine would make its own.
    """
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        return _read_secret_file(name, Path(path))
    if not generate:
        raise ImproperlyConfigured(f"Set {name}, or {name}_FILE to a file that holds it.")
    return kept_secret(data_dir() / name.lower())


def read_optional_secret(name: str) -> str:
    """A secret from ``NAME`` or from the file named in ``NAME_FILE``; empty when neither is set."""
    if os.environ.get(name) or os.environ.get(f"{name}_FILE"):
        return read_secret(name, generate=False)
    return ""


def _read_secret_file(name: str, path: Path) -> str:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}") from error
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE is empty: {path}")
    return value


def kept_secret(path: Path) -> str:
    """The secret in a file; at the first call it is made, readable by its owner only.

    Raises:
        OSError: it cannot be written; no empty file is left that would pass for a secret.
    """
    if not _has_contents(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(path.parent):
            if not _has_contents(path):  # by whoever was first
                _make_secret(path)
    return path.read_text(encoding="utf-8").strip()


def _has_contents(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keeps other processes that ask for the same out until the block ends.

    A lock of the folder itself: disks without hard links, such as exFAT or FUSE, have it as well.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make_secret(path: Path) -> None:
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with open_private(unfinished) as file:
            file.write(secrets.token_urlsafe(50).encode())
        unfinished.replace(path)  # also an empty one, of a release that was interrupted
    finally:
        unfinished.unlink(missing_ok=True)


def embedded_url(name: str) -> str:
    """The URL under which the embedded servers were last started, or an empty string."""
    try:
        urls = json.loads((data_dir() / "servers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(urls.get(name, ""))


def parse_database_url(url: str) -> dict[str, Any]:
    """Django's ``DATABASES`` entry for ``postgresql://user:password@host:port/name?option=value``.

    Raises:
        ImproperlyConfigured: another scheme, no database name, or a port that is not a number.
    """
    parts = _split(url, "DATABASE_URL")
    if parts.scheme not in {"postgres", "postgresql", "timescale", "timescaledb"}:
        found = f", not {parts.scheme}://" if parts.scheme else ""
        raise ImproperlyConfigured(f"DATABASE_URL must begin with postgresql://{found}.")
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no database: postgresql://host/NAME.")
    options = dict(parse_qsl(parts.query))
    return {
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def _split(url: str, name: str) -> SplitResult:
    """The parts of a URL, with a port that can be one.

    Raises:
        ImproperlyConfigured: there is none of these, perhaps because a password goes on behind what
            ends the host; the message quotes nothing of it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None or "@" in f"{parts.path}{parts.fragment}":
        raise ImproperlyConfigured(
            f"{name} has a bad port, which is a number up to 65535, or a bad host. In a password "
            "/ ? # @ [ and ] are written as %2F %3F %23 %40 %5B and %5D."
        )
    return parts


def parse_redis_url(url: str, name: str = "REDIS_URL") -> str:
    """The URL itself, once all who connect understand the same by it.

    Raises:
        ImproperlyConfigured: another scheme than redis-py speaks, or a port or a database that is
            not a number, which redis-py takes for database 0.
    """
    parts = _split(url, name)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://.")
    database = parts.path.strip("/")
    if parts.scheme != "unix" and not (database or "0").isdecimal():
        raise ImproperlyConfigured(
            f"{name} must end with the number of a database, as /0, not /{database}."
        )
    return url
