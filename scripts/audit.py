"""``make audit``: insecure code, incompatible packages, unpinned versions, known vulnerabilities.

Vulnerabilities are looked up in the registries of Python and Node packages. No answer from one is
no all-clear: it is reported prominently, and is a failure with ``REQUIRE_ALL=1``.
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
# Places that name an image, directly or as the default of a variable.
IMAGE = re.compile(
    r"^(?:ARG (?P<argument>\w+_IMAGE)=|FROM (?:--\S+ )?|\s+(?:\w+_IMAGE|image): )"
    r"[\"']?(?P<named>[^\s\"']+)",
    re.MULTILINE,
)
VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}")
STAGE = re.compile(r"^FROM .* AS (\S+)$", re.MULTILINE | re.IGNORECASE)
ARGUMENT = re.compile(r"^ARG (\w+_IMAGE)=", re.MULTILINE)
OWN_IMAGE = "engagement-conductor:latest"


class NotAuditedError(Exception):
    """A check could not be made, as when a registry does not answer; the message says which."""


def main() -> int:
    """Runs every check; returns 0 if none has found anything."""
    failed = False
    for check in (_code, _pins, _images, _fit, _python_advisories, _node_advisories):
        try:
            lines = check()
        except NotAuditedError as error:
            print(f"NOT AUDITED: {error}", flush=True)
            failed |= os.environ.get("REQUIRE_ALL") == "1"
            continue
        print(f"{check.__doc__}: {'ok' if not lines else 'FAILED'}", *lines, sep="\n  ", flush=True)
        failed |= bool(lines)
    return int(failed)


def _code() -> list[str]:
    """insecure code"""
    return insecure_code.problems(insecure_code.findings())


def _pins() -> list[str]:
    """every version is pinned, and every package has a hash"""
    return loose_requirements() + lock.problems() + loose_node_packages()


def _images() -> list[str]:
    """images are pinned by digest"""
    if loose := loose_images(os.environ):
        raise NotAuditedError(
            f"images: not pinned by digest: {', '.join(loose)}. "
            "docs/dependencies.md says how to pin them"
        )
    return []


def _fit() -> list[str]:
    """the installed packages are compatible"""
    result = _run(sys.executable, "-m", "pip", "check")
    return [] if result.returncode == 0 else result.stdout.splitlines()


def _python_advisories() -> list[str]:
    """known vulnerabilities of Python packages"""
    program = shutil.which("pip-audit", path=str(Path(sys.executable).parent))
    if program is None:
        raise NotAuditedError("known vulnerabilities of Python packages: pip-audit is missing")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as everything:
        everything.write("\n".join(locked_packages()))
        everything.flush()
        options = ("--format", "json", "--no-deps", "--disable-pip", "-r", everything.name)
        result = _run(program, *options)
    return python_vulnerabilities(result.stdout, result.stderr)


def locked_packages() -> list[str]:
    """Every package of every lock, for all environments: ``name==version``."""
    return sorted(
        {
            f"{name}=={package.version}"
            for path in ROOT.glob("requirements*.lock")
            for name, package in lock.read_lock(path).items()
        }
    )


def _node_advisories() -> list[str]:
    """known vulnerabilities of Node packages"""
    npm = shutil.which("npm", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
    if npm is None:
        raise NotAuditedError("known vulnerabilities of Node packages: npm is missing")
    return node_vulnerabilities(_run(npm, "audit", "--json").stdout)


def loose_requirements() -> list[str]:
    """Lines of the requirements files that allow more than one version."""
    return [
        f"{path.name}: {line}"
        for path in sorted(ROOT.glob("requirements*.txt"))
        for line in path.read_text().splitlines()
        if line and not line.startswith(("#", "-r ")) and not lock.PINNED.fullmatch(line)
    ]


def loose_node_packages() -> list[str]:
    """Locked Node packages without a hash."""
    packages = json.loads((ROOT / NODE_LOCK).read_text())["packages"]
    return [
        f"{NODE_LOCK}: {name}"
        for name, package in packages.items()
        if name and not package.get("integrity", "").startswith("sha512-")
    ]


def loose_images(environment: Mapping[str, str]) -> list[str]:
    """Images of the Dockerfile and docker-compose.yml that are pinned by tag only.

    Args:
        environment: variables that override images, as for docker compose.
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
        # An argument is checked where it is declared.
        if name not in declared and image not in {OWN_IMAGE, *stages}:
            yield image


def python_vulnerabilities(report: str, errors: str) -> list[str]:
    """The vulnerabilities in pip-audit's JSON report, as ``name version: ID``.

    Args:
        report: pip-audit's standard output.
        errors: its standard error, whose last line is the reason if there is no report.

    Raises:
        NotAuditedError: the registry did not answer, or does not know some of the packages.
    """
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        reason = errors.strip().splitlines()[-1:] or ["no answer"]
        raise NotAuditedError(f"known vulnerabilities of Python packages: {reason[0]}") from None
    found = [
        f"{package['name']} {package['version']}: {vulnerability['id']}"
        for package in packages
        for vulnerability in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown and not found:
        raise NotAuditedError(
            "known vulnerabilities of Python packages: the registry has no advisories for "
            f"{len(unknown)} of {len(packages)} packages, {unknown[0]} among them"
        )
    return found


def node_vulnerabilities(report: str) -> list[str]:
    """The vulnerabilities in npm's JSON report, as ``name: severity``.

    Raises:
        NotAuditedError: the registry did not answer.
    """
    try:
        vulnerabilities = json.loads(report)["vulnerabilities"]
    except (ValueError, KeyError):
        raise NotAuditedError(
            "known vulnerabilities of Node packages: the registry did not answer"
        ) from None
    return [f"{name}: {found['severity']}" for name, found in vulnerabilities.items()]


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
