"""Names of static files change with what is in them, and with what is in what they import."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from dashboard.http.static_files import ModuleStaticFilesStorage


def collect(folder: Path, files: dict[str, str]) -> dict[str, str]:
    """The names that files get, by those that they had."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name, text in files.items():
        (source / name).write_text(text)
    storage = ModuleStaticFilesStorage(location=str(folder / "made"), base_url="/static/")
    found: dict[str, Any] = {}
    for name in files:
        with FileSystemStorage(source).open(name) as file:
            storage.save(name, file)
        found[name] = (storage, name)
    assert all(done for _, _, done in storage.post_process(found) if not isinstance(done, bool))
    manifest = json.loads((folder / "made" / "staticfiles.json").read_text())
    return dict(manifest["paths"])


@pytest.fixture(autouse=True)
def _without_debug(settings: Any) -> None:
    settings.DEBUG = False


def test_a_module_imports_the_renamed_one(tmp_path: Path) -> None:
    files = {"page.js": 'import { draw } from "./chart.js";\ndraw();\n', "chart.js": "let a = 1;\n"}
    names = collect(tmp_path, files)
    page = (tmp_path / "made" / names["page.js"]).read_text()
    assert f'"./{names["chart.js"]}"' in page
    assert names["chart.js"] != "chart.js"


def test_what_is_imported_changes_the_name_of_what_imports_it(tmp_path: Path) -> None:
    page = 'import { draw } from "./chart.js";\ndraw();\n'
    before = collect(tmp_path / "1", {"page.js": page, "chart.js": "let a = 1;\n"})
    same = collect(tmp_path / "2", {"page.js": page, "chart.js": "let a = 1;\n"})
    after = collect(tmp_path / "3", {"page.js": page, "chart.js": "let a = 2;\n"})
    assert before == same
    assert before["page.js"] != after["page.js"]
