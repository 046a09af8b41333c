"""``make audit``: insecure code, packages that do not fit, loose versions, and known weaknesses.

The last of these asks the registries of Python and Node packages. One that does not answer is no
all-clear: it is said loudly, and with ``REQUIRE_ALL=1`` it is a failure.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import insecure_code
import lock

ROOT = Path(__file__).resolve().parent.parent
NODE_LOCK = "package-lock.json"
IMAGE_FILES = ("Dockerfile", "docker-compose.yml")
# Where an image is named: with a variable that may name another, or without; but not one of ours.
IMAGE = re.compile(
    r"^(?:ARG (?P<argument>\w+_IMAGE)=|FROM (?:--\S+ )?|\s+(?:\w+_IMAGE|image): )"
    r"[\"']?(?P<named>[^\s\"']+)",
    re.MULTILINE,
)
VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}")
STAGE = re.compile(r"^FROM .* AS (\S+)$", re.MULTILINE | re.IGNORECASE)
ARGUMENT = re.compile(r"^ARG (\w+_IMAGE)=", re.MULTILINE)
OURS = "engagement-conductor:latest"


class NotAskedError(Exception):
    """A registry did not answer; the message says which, and what of it is unknown."""


def main() -> int:
    """Makes every check; 0 when none has found anything."""
    failed = False
    for check in (_code, _pins, _images, _fit, _python_advisories, _node_advisories):
        try:
            lines = check()
        except NotAskedError as error:
            print(f"NOT AUDITED: {error}", flush=True)
            failed |= os.environ.get("REQUIRE_ALL") == "1"
            continue
        print(f"{check.__doc__}: {'ok' if not lines else 'FAILED'}", *lines, sep="\n  ", flush=True)
        failed |= bool(lines)
    return int(failed)


def _code() -> list[str]:
    """insecure code"""
    return insecure_code.complaints(insecure_code.findings())


def _pins() -> list[str]:
    """every version is pinned, and every content known by its hash"""
    return loose_requirements() + lock.complaints() + loose_node_packages()


def _images() -> list[str]:
    """images are known by their digests"""
    if loose := loose_images(os.environ):
        raise NotAskedError(
            f"images: a registry may give another content to {', '.join(loose)}. "
            "docs/dependencies.md says how to name contents"
        )
    return []


def _fit() -> list[str]:
    """the installed packages fit together"""
    result = _run(sys.executable, "-m", "pip", "check")
    return [] if result.returncode == 0 else result.stdout.splitlines()


def _python_advisories() -> list[str]:
    """known weaknesses of Python packages"""
    program = shutil.which("pip-audit", path=str(Path(sys.executable).parent))
    if program is None:
        raise NotAskedError("known weaknesses of Python packages: pip-audit is not installed")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as everything:
        everything.write("\n".join(locked_packages()))
        everything.flush()
        options = ("--format", "json", "--no-deps", "--disable-pip", "-r", everything.name)
        result = _run(program, *options)
    return python_weaknesses(result.stdout, result.stderr)


def locked_packages() -> list[str]:
    """All that any lock has installed, whatever the environment: ``name==version``."""
    return sorted(
        {
            f"{name}=={package.version}"
            for path in ROOT.glob("requirements*.lock")
            for name, package in lock.read_lock(path).items()
        }
    )


def _node_advisories() -> list[str]:
    """known weaknesses of Node packages"""
    npm = shutil.which("npm", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
    if npm is None:
        raise NotAskedError("known weaknesses of Node packages: there is no npm here")
    return node_weaknesses(_run(npm, "audit", "--json").stdout)


def loose_requirements() -> list[str]:
    """Lines of the requirements that allow more than one version."""
    return [
        f"{path.name}: {line}"
        for path in sorted(ROOT.glob("requirements*.txt"))
        for line in path.read_text().splitlines()
        if line and not line.startswith(("#", "-r ")) and not lock.PINNED.fullmatch(line)
    ]


def loose_node_packages() -> list[str]:
    """Locked Node packages whose content is not known by a hash."""
    packages = json.loads((ROOT / NODE_LOCK).read_text())["packages"]
    return [
        f"{NODE_LOCK}: {name}"
        for name, package in packages.items()
        if name and not package.get("integrity", "").startswith("sha512-")
    ]


def loose_images(environment: Mapping[str, str]) -> list[str]:
    """Images of the Dockerfile and of docker-compose.yml that are named by a tag only.

    Args:
        environment: variables that name other images, as for docker compose.
    """
    texts = [(ROOT / name).read_text() for name in IMAGE_FILES]
    named = {image for text in texts for image in _named_images(text, environment)}
    return sorted(image for image in named if "@sha256:" not in image)


def _named_images(text: str, environment: Mapping[str, str]) -> Iterator[str]:
    stages, declared = STAGE.findall(text), ARGUMENT.findall(text)
    for found in IMAGE.finditer(text):
        name, image = found["argument"], found["named"]
        if name:
            yield environment.get(name) or image
            continue
        if variable := VARIABLE.fullmatch(image):
            name, default = variable.groups()
            image = environment.get(name) or default or image
        # An argument is looked at where it is declared.
        if name not in declared and image not in {OURS, *stages}:
            yield image


def python_weaknesses(report: str, said: str) -> list[str]:
    """What pip-audit's report has found.

    Raises:
        NotAskedError: the registry knows nothing of some packages, or did not answer.
    """
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        reason = said.strip().splitlines()[-1:] or ["no answer"]
        raise NotAskedError(f"known weaknesses of Python packages: {reason[0]}") from None
    found = [
        f"{package['name']} {package['version']}: {weakness['id']}"
        for package in packages
        for weakness in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown and not found:
        raise NotAskedError(
            "known weaknesses of Python packages: the registry has no advisories for "
            f"{len(unknown)} of {len(packages)}, {unknown[0]} among them"
        )
    return found


def node_weaknesses(report: str) -> list[str]:
    """What npm's report has found.

    Raises:
        NotAskedError: the registry did not answer.
    """
    try:
        weaknesses = json.loads(report)["vulnerabilities"]
    except (ValueError, KeyError):
        raise NotAskedError(
            "known weaknesses of Node packages: the registry does not answer"
        ) from None
    return [f"{name}: {weakness['severity']}" for name, weakness in weaknesses.items()]


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
