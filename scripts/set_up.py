"""Sets up a fresh clone: virtual environment, Python packages, Chart.js, static files.

Uses only Python's standard library, and repeats only the steps whose inputs have changed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NODE_MODULES = ROOT / "node_modules"
# Build tools come first: packages are built with them.
LOCKS = ("requirements-build.lock", "requirements-dev.lock")
NODE_LOCK = "requirements-node.lock"
# Only packages with a hash in the locks are installed, including the one package without a wheel.
PIP_OPTIONS = ("--require-hashes", "--only-binary=:all:", "--no-binary=django-timescaledb")
OLDEST_PYTHON = (3, 11)
ATTEMPTS = 3
RETRY_SECONDS = 3.0


def main() -> int:
    """Returns 0 once `.venv/bin/python manage.py` works."""
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"Python 3.11 or newer is required; this is {sys.version.split()[0]}. "
            "Choose another one: make setup PYTHON=python3.12",
            file=sys.stderr,
        )
        return 1
    with _Lock(ROOT / ".data" / "setup.lock"):
        try:
            _install()
            _collect_static()
        except subprocess.CalledProcessError as error:
            print(f"Failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
            return 1
    return 0


class _Lock:
    """Serializes setups of the same checkout, as from two terminals."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._file = path.open("w")

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _install() -> None:
    _make_virtual_environment()
    # If Node is installed, npm runs in parallel with pip, which takes most of the time.
    with ThreadPoolExecutor() as pool:
        node = shutil.which("npm")
        early = pool.submit(_install_chart, node) if node else None
        _install_packages()
        if early is None:
            _install_chart(_npm_from_wheel())
        else:
            early.result()


def _make_virtual_environment() -> None:
    if PYTHON.exists() and _succeeds(PYTHON, "-c", "import pip, sys; sys.exit(0)"):
        return
    print("Creating .venv ...", flush=True)
    _run(sys.executable, "-m", "venv", "--clear", VENV)


def _install_packages() -> None:
    def install() -> None:
        print("Installing the Python packages into .venv (a minute or two) ...", flush=True)
        for name in LOCKS:
            _retry(_install_lock, name)

    contents = b"".join((ROOT / name).read_bytes() for name in LOCKS)
    _run_once(VENV / ".requirements-stamp", contents, install)


def _install_chart(npm: str) -> None:
    def install() -> None:
        print("Installing Chart.js from package-lock.json ...", flush=True)
        _retry(_run, npm, "ci", "--loglevel=error")

    stamp = NODE_MODULES / ".package-lock-stamp"
    _run_once(stamp, (ROOT / "package-lock.json").read_bytes(), install)


def _npm_from_wheel() -> str:
    npm = VENV / "bin" / "npm"
    if not npm.exists():
        print("Node is not installed: installing its wheel into .venv ...", flush=True)
        _retry(_install_lock, NODE_LOCK)
    return str(npm)


def _collect_static() -> None:
    manifest = ROOT / "staticfiles" / "staticfiles.json"
    sources = [ROOT / "static", NODE_MODULES / ".package-lock-stamp", VENV / ".requirements-stamp"]
    if manifest.exists() and _newest(sources) < manifest.stat().st_mtime:
        return
    print("Collecting the static files ...", flush=True)
    command = ["manage.py", "collectstatic", "--noinput", "--ignore", "*.d.ts", "--verbosity", "0"]
    _run(PYTHON, *command)


def _newest(paths: list[Path]) -> float:
    files = (file for path in paths for file in (path, *path.rglob("*")))
    return max(file.stat().st_mtime for file in files)


def _run_once(stamp: Path, contents: bytes, action: Callable[[], None]) -> None:
    """Calls ``action`` unless it has already succeeded for the same ``contents``."""
    digest = hashlib.sha256(contents + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    stamp.unlink(missing_ok=True)
    action()
    stamp.write_text(digest)


def _install_lock(lock: str) -> None:
    """Installs the packages of a lock, checking their hashes."""
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "-qq", "install")
    _run(*pip, "--no-build-isolation", *PIP_OPTIONS, "--requirement", lock)


def _retry(action: Callable[..., None], *arguments: str) -> None:
    """Calls ``action``, up to three times if it fails, as registries sometimes do."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action(*arguments)
        except subprocess.CalledProcessError:
            if attempt == ATTEMPTS:
                raise
            print(f"Failed; starting attempt {attempt + 1} of {ATTEMPTS}.", flush=True)
            time.sleep(RETRY_SECONDS * attempt)
    return None


def _run(*command: str | Path) -> None:
    # The wheel's npm is a script that expects node on the path.
    path = f"{os.environ.get('PATH', os.defpath)}:{VENV / 'bin'}"
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PATH": path})


def _succeeds(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
