"""Backups by command."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.integration


def test_it_says_what_it_has_written(transactional_db: None, tmp_path: Path) -> None:
    output = StringIO()
    call_command("back_up", str(tmp_path / "backup"), stdout=output)
    assert f"{tmp_path / 'backup'}: 0." in output.getvalue()
    with pytest.raises(CommandError, match="exists"):
        call_command("back_up", str(tmp_path / "backup"))


def test_a_folder_that_is_not_there_is_said(transactional_db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="missing"):
        call_command("back_up", str(tmp_path / "missing" / "backup"))
