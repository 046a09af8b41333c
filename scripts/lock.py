"""``make lock``: pins every package of every requirements file, with version and hashes.

``requirements*.txt`` list direct dependencies, ``requirements*.lock`` all of them. A lock keeps its
versions while they satisfy the requirements; ``--upgrade`` (or ``--upgrade-package NAME``) takes
newer ones. Queries the registry.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
# In order: later locks are installed on top of earlier ones and keep to their versions.
NAMES = (
    "requirements-dev",
    "requirements",
    "requirements-build",
    "requirements-audit",
    "requirements-fuzz",
    "requirements-mutate",
    "requirements-node",
)
OLDEST_PYTHON = "3.11"
# Where the product runs; the embedded servers have no wheels for other environments.
ENVIRONMENT = (
    "sys_platform == 'linux'",
    "platform_python_implementation == 'CPython'",
    "python_full_version < '3.15'",
)
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==(?P<version>[A-Za-z0-9.]+)")
PROJECT = f"""\
[project]
name = "locked"
version = "1"
requires-python = ">={OLDEST_PYTHON}"

[tool.uv]
environments = ["{" and ".join(ENVIRONMENT)}"]
"""


class Locked(NamedTuple):
    """One package of a lock.

    Attributes:
        condition: environment marker for where it is needed; empty for everywhere.
        hashes: number of accepted hashes, of its wheels and its source.
    """

    version: str
    condition: str
    hashes: int


def main(options: list[str]) -> int:
    """Writes the locks; returns the exit code of the compiler."""
    compiler = shutil.which("uv", path=str(Path(sys.executable).parent))
    if compiler is None:
        print("uv is missing: it is in requirements-audit.txt.", file=sys.stderr)
        return 1
    # In a temporary folder, as uv reads the environments from a pyproject.toml next to its input.
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "pyproject.toml").write_text(PROJECT)
        for path in (*ROOT.glob("requirements*.txt"), *ROOT.glob("requirements*.lock")):
            shutil.copy(path, folder)
        for name in NAMES:
            code = _compile(compiler, folder, name, options)
            if code:
                return code
            text = (folder / f"{name}.lock").read_text()
            (ROOT / f"{name}.lock").write_text(without_environment(text))
    return 0


def _compile(compiler: str, folder: Path, name: str, options: list[str]) -> int:
    before = [f"--constraints={earlier}.lock" for earlier in NAMES[: NAMES.index(name)]]
    command = [compiler, "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    # Keep the command and the addresses of registries out of the lock.
    command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--python-version", OLDEST_PYTHON, *options]
    command += [*before, "--output-file", f"{name}.lock", f"{name}.txt"]
    return subprocess.run(command, cwd=folder).returncode


def without_environment(text: str) -> str:
    """A lock without the conditions that hold in every supported environment."""
    return "\n".join(map(_shortened, text.splitlines())) + "\n"


def _shortened(line: str) -> str:
    requirement, semicolon, condition = line.removesuffix(" \\").partition(" ; ")
    if not semicolon:
        return line
    parts = [part for part in condition.split(" and ") if part not in ENVIRONMENT]
    return " ; ".join((requirement, " and ".join(parts))) + " \\" if parts else f"{requirement} \\"


def normal_name(name: str) -> str:
    """A package's normalized name, by which registries compare."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path) -> dict[str, Locked]:
    """The packages of a lock by normalized name.

    Raises:
        ValueError: a line is not a pinned package.
    """
    packages = {}
    text = re.sub(r"^\s*#.*\n?", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in text.splitlines():
        requirement, *hashes = line.split(" --hash=")
        pinned, _, condition = requirement.partition(" ; ")
        match = PINNED.fullmatch(pinned.strip())
        if match is None or not all(each.strip().startswith("sha256:") for each in hashes):
            raise ValueError(f"{path.name}: {line[:80]}")
        locked = Locked(match["version"], condition.strip(), len(hashes))
        packages[normal_name(match["name"])] = locked
    return packages


def read_requirements(path: Path) -> dict[str, str]:
    """The versions in a requirements file and those it includes, by normalized name."""
    versions: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            versions |= read_requirements(path.with_name(line.removeprefix("-r ")))
        elif match := PINNED.fullmatch(line):
            versions[normal_name(match["name"])] = match["version"]
    return versions


def problems() -> list[str]:
    """Locks that are missing, do not match their requirements, or have a package without a hash."""
    lines = []
    names = {path.stem for path in ROOT.glob("requirements*.txt")}
    lines += [f"{name}.txt is not locked" for name in sorted(names - {*NAMES})]
    versions: dict[str, str] = {}
    for name in NAMES:
        locked = read_lock(ROOT / f"{name}.lock")
        for package, entry in locked.items():
            if versions.setdefault(package, entry.version) != entry.version:
                lines.append(f"{name}.lock pins another version of {package} than an earlier lock")
        for package, version in read_requirements(ROOT / f"{name}.txt").items():
            if package not in locked or locked[package].version != version:
                lines.append(f"{name}.lock does not have {package}=={version}: `make lock`")
        lines += [f"{name}.lock: {each} has no hash" for each in locked if not locked[each].hashes]
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
