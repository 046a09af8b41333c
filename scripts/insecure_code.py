"""Checks the product with bandit: a finding without an explanation here is a failure.

So is an explanation without a finding, so that none outlives its reason.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("engagement_conductor", "sessions_app", "anomalies_app", "dashboard", "scripts")


class Explanation(NamedTuple):
    """Why certain findings are acceptable.

    Attributes:
        rules: IDs of bandit's rules.
        files: where they are expected; a folder covers everything in it.
        reason: for readers of this file.
    """

    rules: tuple[str, ...]
    files: tuple[str, ...]
    reason: str


EXPLANATIONS = (
    Explanation(
        ("B404", "B603"),
        (
            "engagement_conductor/database/backups.py",
            "engagement_conductor/local_stack/guard.py",
            "engagement_conductor/local_stack/one_shot.py",
            "engagement_conductor/local_stack/postgresql.py",
            "engagement_conductor/local_stack/processes.py",
            "engagement_conductor/local_stack/with_servers.py",
            "scripts/",
        ),
        "fixed programs, started with a list of arguments and without a shell",
    ),
    Explanation(
        ("B608",),
        (
            "sessions_app/shards/database_epochs.py",
            "sessions_app/storage/recent_scores.py",
            "sessions_app/storage/retention.py",
            "sessions_app/storage/metrics.py",
        ),
        "table and column names come from the models; values are parameters",
    ),
    Explanation(
        ("B311",),
        ("anomalies_app/evaluation/calibration_fitting.py", "sessions_app/simulation/"),
        "simulated audiences and samples: seeded to be reproducible, never a secret",
    ),
)


class Finding(NamedTuple):
    """One finding of bandit."""

    rule: str
    file: str
    line: int
    text: str


def findings() -> list[Finding]:
    """All of bandit's findings in the product, explained or not."""
    command = [sys.executable, "-m", "bandit", "-q", "-f", "json", "-r", *PRODUCT, "manage.py"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    report = json.loads(result.stdout)
    if report["errors"]:
        raise RuntimeError(f"bandit could not read everything: {report['errors']}")
    return [
        Finding(found["test_id"], found["filename"], found["line_number"], found["issue_text"])
        for found in report["results"]
    ]


def problems(found: Iterable[Finding]) -> list[str]:
    """Findings without an explanation, and explanations without a finding."""
    needed = set()
    lines = []
    for finding in found:
        explanation = _explanation_of(finding)
        if explanation is None:
            lines.append(f"{finding.file}:{finding.line}: {finding.rule} {finding.text}")
        else:
            needed.add(explanation)
    return lines + [
        f"no finding needs the explanation of {rule} in {file}"
        for explained in EXPLANATIONS
        for rule in explained.rules
        for file in explained.files
        if (rule, file) not in needed
    ]


def _explanation_of(finding: Finding) -> tuple[str, str] | None:
    for explained in EXPLANATIONS:
        for file in explained.files:
            if finding.rule in explained.rules and finding.file.startswith(file):
                return finding.rule, file
    return None


def main() -> int:
    """Prints the problems; returns 1 if there are any."""
    found = findings()
    lines = problems(found)
    print("\n".join(lines) or f"No insecure code: all {len(found)} findings are explained.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
