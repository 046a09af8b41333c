"""Changes the code in small ways and tells which changes no test noticed: ``make mutate``.

mutmut mutates what functions do, one package after the other, each with the unit tests that mirror
it. It does not touch constants of modules, so the second half does: each number is one larger.
Survivors with a reason in ``tests/surviving_mutants.toml`` are accepted; the others are printed.
"""

import argparse
import ast
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".data" / "mutation"
REASONS = ROOT / "tests" / "surviving_mutants.toml"
APPS = ("sessions_app", "anomalies_app", "dashboard", "engagement_conductor")
# What the apps and their tests read beside themselves.
BESIDE = (
    *("tests", "docs", "static", "staticfiles", "templates", "scripts", "benchmarks"),
    "manage.py",
)
# Nothing listens there: what needs no server shall not find one either.
NO_SERVER = "redis://127.0.0.1:1"
PYTEST = (
    "-p",
    "no:cacheprovider",
    "--reuse-db",
    "--hypothesis-profile=mutation",
    "-k",
    "not cluster",
)
NOT_TESTED = "not tested"
# For mutmut, which then makes its mutants without testing any.
NO_MUTANT = "none"
# As mutmut names what pytest's exit codes mean.
OUTCOMES = {
    **dict.fromkeys((0, 5, 33), "survived"),
    **dict.fromkeys((1, 3), "killed"),
    **dict.fromkeys((24, -24, 36, 152, 255), "timeout"),
}
TIMEOUT_SECONDS = 120


class Target(NamedTuple):
    """Code that is mutated together.

    Attributes:
        files: patterns of the modules.
        tests: paths below ``tests`` that are run.
        mutants: patterns of mutmut's names, where only some functions are meant.
        servers: whether the tests need PostgreSQL and Redis.
        threads: whether the tests start threads. A fork does not copy them, so each mutant needs a
            process of its own instead of mutmut's.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    mutants: tuple[str, ...] = ()
    servers: bool = False
    threads: bool = False


TARGETS = {
    "watermark": Target(
        ("sessions_app/ingest/watermark.py",),
        ("sessions_app/ingest/test_watermark.py",),
        servers=True,
    ),
    "deduplication": Target(
        ("sessions_app/state/deduplication.py",),
        ("sessions_app/state/test_deduplication.py",),
    ),
    "authorization": Target(
        ("dashboard/live/authorization.py", "dashboard/monitoring/access.py"),
        ("dashboard/live/test_authorization.py", "dashboard/monitoring/test_access.py"),
        servers=True,
        threads=True,
    ),
    "access": Target(
        (
            "sessions_app/queries/querysets.py",
            "anomalies_app/queries.py",
            "anomalies_app/review.py",
        ),
        (
            "sessions_app/queries/test_querysets.py",
            "anomalies_app/test_queries.py",
            "anomalies_app/test_review.py",
        ),
        ("*sees_everything*", "*visible_to*", "*may_review*"),
        servers=True,
    ),
    "scoring": Target(("sessions_app/scoring/*.py",), ("sessions_app/scoring",)),
    "detector": Target(("anomalies_app/detector/*.py",), ("anomalies_app/detector",)),
    "state": Target(("sessions_app/state/*.py",), ("sessions_app/state",)),
    "events": Target(("sessions_app/events/*.py",), ("sessions_app/events",)),
    "evaluation": Target(("anomalies_app/evaluation/*.py",), ("anomalies_app/evaluation",)),
}


class Mutant(NamedTuple):
    """A change and what became of it.

    Attributes:
        place: dotted name of the function, or of the module's constant.
        change: the lines that the change removes and adds, as a difference shows them.
        outcome: ``killed``, ``survived``, ``timeout``, or why there is none.
    """

    place: str
    change: str
    outcome: str


def main() -> int:
    """Returns 0 when every mutant was tested, and killed or has a reason; otherwise 1."""
    options = _options()
    deadline = time.monotonic() + options.minutes * 60
    reasons = tomllib.loads(REASONS.read_text())["survivors"]
    bad = False
    for name in options.targets:
        target = TARGETS[name]
        if options.only:
            files = (f"{Path(target.files[0]).parent}/{options.only}.py",)
            tests = (f"{target.tests[0]}/test_{options.only}.py",)
            target = target._replace(files=files, tests=tests)
        workspace = _prepare(name, target)
        print(f"\n{name}: {', '.join(target.files)}", flush=True)
        _run_mutmut(workspace, target, options.children, deadline)
        mutants = [*_mutated_functions(workspace, target, deadline)]
        mutants += _mutated_constants(workspace, target, deadline)
        bad |= _report(name, mutants, reasons)
    return int(bad)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutate")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)} (all)")
    parser.add_argument(
        "--minutes", type=float, default=240, help="longest time in all (%(default)s)"
    )
    parser.add_argument(
        "--only", metavar="MODULE", help="one module of a package, with its test file"
    )
    parser.add_argument("--children", type=int, default=1, help="how many at a time (%(default)s)")
    options = parser.parse_args()
    options.targets = options.targets or [*TARGETS]
    if unknown := {*options.targets} - {*TARGETS}:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return options


def _prepare(name: str, target: Target) -> Path:
    """A folder that mutmut can take for the project, with what it shall mutate there."""
    workspace = FOLDER / name
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    for each in (*APPS, *BESIDE):
        (workspace / each).symlink_to(ROOT / each)
    settings = {
        "source_paths": [*APPS],
        "only_mutate": [*target.files],
        "also_copy": [*BESIDE],
        "pytest_add_cli_args": [*PYTEST],
        "pytest_add_cli_args_test_selection": [f"tests/{path}" for path in target.tests],
        "use_git_change_detection": False,
        # By the clock on the wall: what is only slow, on a busy machine, must not count as killed.
        "timeout_constant": 20.0,
        "timeout_multiplier": 6.0,
        "do_not_mutate_patterns": [r"\blogger\.\w+\("],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text()
    (workspace / "pyproject.toml").write_text("\n".join((project, "[tool.mutmut]", *lines, "")))
    return workspace


def _run_mutmut(workspace: Path, target: Target, children: int, deadline: float) -> None:
    command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", str(children)]
    chosen = (NO_MUTANT,) if target.threads else target.mutants
    with subprocess.Popen([*command, *chosen], cwd=workspace, env=_environment(target)) as child:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(deadline - time.monotonic(), 1))
            return
        print("\nThe time is over.", flush=True)
        child.terminate()


def _environment(target: Target) -> dict[str, str]:
    url = os.environ["REDIS_URL"] if target.servers else NO_SERVER
    return {**os.environ, "TEST_REDIS_URL": url, "MUTANT_UNDER_TEST": ""}


def _mutated_functions(workspace: Path, target: Target, deadline: float) -> Iterator[Mutant]:
    """The results that mutmut left, or those of tests in processes of their own."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    with contextlib.chdir(workspace):
        for path in _files(workspace, target):
            meta = Path("mutants", f"{path}.meta")
            codes = json.loads(meta.read_text())["exit_code_by_key"] if meta.exists() else {}
            for key, code in tqdm(codes.items(), desc=path.name, disable=not target.threads):
                if target.mutants and not any(Path(key).match(each) for each in target.mutants):
                    continue
                outcome = OUTCOMES.get(code, NOT_TESTED)
                if target.threads and time.monotonic() < deadline:
                    outcome = _tested(Path(), target, key)
                function, owner = orig_function_and_class_names_from_key(key)
                place = ".".join(filter(None, (*path.with_suffix("").parts, owner, function)))
                change = ""
                if outcome == "survived":
                    change = _changed_lines(get_diff_for_mutant(key, path=path))
                yield Mutant(place, change, outcome)


def _changed_lines(difference: str) -> str:
    lines = [line for line in difference.splitlines()[2:] if line[:1] in "+-"]
    return " ".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def _files(workspace: Path, target: Target) -> list[Path]:
    found = [path for pattern in target.files for path in workspace.glob(pattern)]
    return sorted(path.relative_to(workspace) for path in found)


def _mutated_constants(workspace: Path, target: Target, deadline: float) -> Iterator[Mutant]:
    """Runs the tests with each constant of the modules one larger."""
    if target.mutants:
        return
    constants = [
        (path, *found)
        for path in _files(workspace, target)
        for found in _constants((workspace / "mutants" / path).read_text())
    ]
    for path, name, place in tqdm(constants, desc="constants", disable=None):
        mutated = workspace / "mutants" / path
        source = mutated.read_text()
        lines = source.splitlines(keepends=True)
        line = lines[place.lineno - 1]
        new = f"{line[: place.col_offset]}({line[place.col_offset : place.end_col_offset]} + 1)"
        lines[place.lineno - 1] = new + line[place.end_col_offset :]
        outcome = NOT_TESTED
        if time.monotonic() < deadline:
            mutated.write_text("".join(lines))
            outcome = _tested(workspace, target)
            mutated.write_text(source)
        dotted = ".".join((*path.with_suffix("").parts, name))
        change = f"- {line.strip()} + {lines[place.lineno - 1].strip()}"
        yield Mutant(dotted, change, outcome)


def _constants(source: str) -> Iterator[tuple[str, ast.expr]]:
    """The numbers that a module assigns to a name, on one line each."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
            numbers = {int, float}
            if all(
                type(each.value) in numbers
                for each in ast.walk(value)
                if isinstance(each, ast.Constant)
            ) and isinstance(value, ast.Constant | ast.BinOp):
                yield name, value


def _tested(workspace: Path, target: Target, mutant: str = "") -> str:
    """Runs the tests in a new process.

    Args:
        mutant: mutmut's name of the change that its code shall make; by default, none.
    """
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-xq",
        *PYTEST,
        *(f"tests/{path}" for path in target.tests),
    ]
    try:
        code = subprocess.run(
            command,
            cwd=workspace / "mutants",
            env={**_environment(target), "MUTANT_UNDER_TEST": mutant},
            timeout=TIMEOUT_SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
    except subprocess.TimeoutExpired:
        return "timeout"
    # Any other code than that of passed tests: the module cannot even be imported.
    return "survived" if code == 0 else "killed"


def _report(name: str, mutants: list[Mutant], reasons: list[dict[str, Any]]) -> bool:
    """Prints what became of the mutants; returns whether one survived without a
    reason, or was not tested."""
    outcomes = Counter(mutant.outcome for mutant in mutants)
    survivors = [mutant for mutant in mutants if mutant.outcome == "survived"]
    loose = [mutant for mutant in survivors if _reason(mutant, reasons) is None]
    print(
        f"{name}: {len(mutants)} mutants, {outcomes['killed']} killed, {outcomes['timeout']} never "
        f"ended, {len(survivors) - len(loose)} survived with a reason, {len(loose)} without, "
        f"{outcomes[NOT_TESTED]} {NOT_TESTED}"
    )
    for mutant in loose:
        print(f"  {mutant.place}\n    {mutant.change}", flush=True)
    return bool(loose or outcomes[NOT_TESTED])


def _reason(mutant: Mutant, reasons: list[dict[str, Any]]) -> Any:
    for entry in reasons:
        if mutant.place.startswith(entry["place"]) and any(
            change in mutant.change for change in entry["changes"]
        ):
            return entry["reason"]
    return None


if __name__ == "__main__":
    sys.exit(main())
