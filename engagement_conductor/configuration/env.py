"""Strict readers for environment variables.

Every reader raises ``ImproperlyConfigured`` with the variable's name and what it accepts, so that a
typo stops the process at startup instead of changing its behavior.
"""

import json
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from engagement_conductor.configuration.private_files import stored_secret

BASE_DIR = Path(__file__).resolve().parent.parent.parent


def read_string(name: str, default: str) -> str:
    """The variable's value, or ``default`` when it is unset or empty."""
    return os.environ.get(name) or default


def read_boolean(name: str, default: bool) -> bool:
    """``True`` or ``False``, spelled exactly so; unset or empty gives ``default``."""
    value = os.environ.get(name, "")
    choices = {"": default, "True": True, "False": False}
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be True or False, not {value!r}.")
    return choices[value]


def read_integer(name: str, default: int, minimum: int, maximum: int) -> int:
    """An integer from ``minimum`` to ``maximum``, both inclusive."""
    value = os.environ.get(name) or str(default)
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not minimum <= number <= maximum:
        raise ImproperlyConfigured(f"{name} must be {minimum} to {maximum}, not {number}.")
    return number


def read_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``, spelled exactly so; unset or empty gives ``default``."""
    value = read_string(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def read_list(name: str, default: list[str]) -> list[str]:
    """Comma-separated values, stripped; unset or empty gives ``default``."""
    value = os.environ.get(name, "")
    return [part.strip() for part in value.split(",") if part.strip()] or default


def data_dir() -> Path:
    """The folder, ignored by git, of everything this checkout writes: servers, keys, logs."""
    return Path(read_string("DATA_DIR", str(_default_data_dir()))).resolve()


def _default_data_dir() -> Path:
    return BASE_DIR / ".data"


def is_default_data_dir(path: Path) -> bool:
    """Whether a data folder is this checkout's own, rather than one that ``DATA_DIR`` names."""
    return path.resolve() == _default_data_dir().resolve()


def read_secret(name: str, generate: bool) -> str:
    """A secret from ``NAME``, from the file named in ``NAME_FILE``, or generated and stored.

    Args:
        name: the variable.
        generate: whether a missing secret may be generated and stored in the data folder, readable
            by its owner only. Not for public deployments, where each machine would have its own.
    """
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        return _read_secret_file(name, Path(path))
    if not generate:
        raise ImproperlyConfigured(f"Set {name}, or {name}_FILE to a file that holds it.")
    return stored_secret(data_dir() / name.lower())


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


def embedded_url(name: str) -> str:
    """The URL at which an embedded server was last started, or an empty string."""
    try:
        urls = json.loads((data_dir() / "servers.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(urls.get(name, ""))
