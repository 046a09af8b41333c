"""Secrets are generated once, completely, and for their owner only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from engagement_conductor.configuration import private_files
from engagement_conductor.configuration.private_files import stored_secret


def test_a_secret_that_could_not_be_written_is_made_the_next_time(monkeypatch, tmp_path):
    path = tmp_path / "secret_key"

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(private_files.secrets, "token_urlsafe", fail)
        with pytest.raises(OSError, match="No space"):
            stored_secret(path)
    assert list(tmp_path.iterdir()) == []
    path.touch()
    made = stored_secret(path)
    assert len(made) > 40
    assert stored_secret(path) == made
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_made_on_a_disk_without_hard_links(monkeypatch, tmp_path):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(os, "link", refuse)
    made = stored_secret(tmp_path / "secret_key")
    assert len(made) > 40
    assert stored_secret(tmp_path / "secret_key") == made


def test_processes_that_ask_at_once_have_the_same_secret(tmp_path):
    path = tmp_path / "data" / "secret_key"
    path.parent.mkdir()
    path.touch()  # of a release that was interrupted
    script = (
        "import sys; from pathlib import Path; "
        "from engagement_conductor.configuration.private_files import stored_secret;"
        "input(); print(stored_secret(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", script, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=settings.BASE_DIR, **pipes) for _ in range(8)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert len({process.communicate()[0] for process in processes}) == 1
    assert list(path.parent.iterdir()) == [path]
