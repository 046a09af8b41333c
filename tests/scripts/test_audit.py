"""Insecure code and unpinned versions are found, and an unreachable registry is a failure."""

import json
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(settings.BASE_DIR) / "scripts"))
    import audit

    return audit


def test_the_product_has_no_insecure_code_and_more_would_be_found(audit: ModuleType) -> None:
    found = audit.insecure_code.findings()
    assert len(found) > 10
    assert audit.insecure_code.problems(found) == []
    shell = audit.insecure_code.Finding(
        "B602", "dashboard/pages/overview_views.py", 7, "shell=True"
    )
    [line] = audit.insecure_code.problems([*found, shell])
    assert line == "dashboard/pages/overview_views.py:7: B602 shell=True"
    without_sql = [finding for finding in found if finding.rule != "B608"]
    assert len(audit.insecure_code.problems(without_sql)) == 4


def test_every_version_is_pinned(audit: ModuleType) -> None:
    assert audit.loose_requirements() == []
    assert audit.loose_node_packages() == []


def test_loose_versions_are_found(
    audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ("# why", "-r other.txt", "good[extra]==1.0", "loose", "later>=2", "any==1.*")
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    assert [line.split(": ")[1] for line in audit.loose_requirements()] == list(lines[3:])


def test_the_whole_lock_is_audited(audit: ModuleType) -> None:
    packages = audit.locked_packages()
    names = [package.partition("==")[0] for package in packages]
    assert len(set(names)) == len(names) > 100
    assert {"twisted", "cryptography", "pip", "setuptools", "pip-audit", "atheris"} < {*names}


def test_images_without_a_digest_are_named(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(audit.loose_images({})) == 4
    names = ("PYTHON_IMAGE", "NODE_IMAGE", "TIMESCALEDB_IMAGE", "REDIS_IMAGE")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(audit.NotAuditedError, match="node:"):
        audit._images()
    for name in names:
        monkeypatch.setenv(name, f"{name.lower()}:1.2.3@sha256:{'0' * 64}")
    assert audit._images() == []


DIGEST = f"@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("dockerfile", "compose", "loose"),
    [
        # A digest in one file does not cover the other.
        (
            "ARG PYTHON_IMAGE=python:3.11\nFROM ${PYTHON_IMAGE}",
            "  x:\n    args:\n      PYTHON_IMAGE: ${PYTHON_IMAGE:-python:3.11" + DIGEST + "}",
            ["python:3.11"],
        ),
        (
            f"ARG PYTHON_IMAGE=python:3.11{DIGEST}\nFROM ${{PYTHON_IMAGE}}",
            "  x:\n    args:\n      PYTHON_IMAGE: ${PYTHON_IMAGE:-python:3.12}",
            ["python:3.12"],
        ),
        ("", "  proxy:\n    image: nginx:1.27.3\n", ["nginx:1.27.3"]),
        ("", f"  proxy:\n    image: nginx:1.27.3{DIGEST}\n", []),
        ("", '  proxy:\n    image: "nginx:1.27.3"  # why\n', ["nginx:1.27.3"]),
        ("", "  proxy:\n    image: ${PROXY_IMAGE}\n", ["${PROXY_IMAGE}"]),
        ("", "  ours:\n    image: engagement-conductor:latest\n", []),
        ("FROM --platform=linux/amd64 debian:12 AS base\nFROM base", "", ["debian:12"]),
    ],
)
def test_every_name_of_an_image_is_looked_at(
    audit: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dockerfile: str,
    compose: str,
    loose: list[str],
) -> None:
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    (tmp_path / "Dockerfile").write_text(dockerfile)
    (tmp_path / "docker-compose.yml").write_text(compose)
    assert audit.loose_images({}) == loose
    assert audit.loose_images({"PYTHON_IMAGE": f"python:3.13{DIGEST}"}) == [
        image for image in loose if not image.startswith("python")
    ]


def test_an_unreachable_registry_is_a_failure(audit: ModuleType) -> None:
    skipped = {"name": "Django", "skip_reason": "not found"}
    known = {"name": "celery", "version": "1.0", "vulns": []}
    bad = {**known, "vulns": [{"id": "CVE-1"}]}
    for report in ("", "{}", json.dumps({"dependencies": [known, skipped]})):
        with pytest.raises(audit.NotAuditedError):
            audit.python_vulnerabilities(report, "no route to host")
    assert audit.python_vulnerabilities(json.dumps({"dependencies": [known]}), "") == []
    found = audit.python_vulnerabilities(json.dumps({"dependencies": [skipped, bad]}), "")
    assert found == ["celery 1.0: CVE-1"]
    for report in ("", '{"error": {}}'):
        with pytest.raises(audit.NotAuditedError):
            audit.node_vulnerabilities(report)
    assert audit.node_vulnerabilities('{"vulnerabilities": {}}') == []
    bad_node = {"vulnerabilities": {"chart.js": {"severity": "high"}}}
    assert audit.node_vulnerabilities(json.dumps(bad_node)) == ["chart.js: high"]
