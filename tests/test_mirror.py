"""Every module has the file of its tests where one looks for it, or a reason not to."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ("sessions_app", "anomalies_app", "dashboard", "engagement_conductor")
WITHOUT_TESTS = {"__init__.py", "apps.py"}
LARGEST_FOLDER = 15

# Modules without a test file of their name, and why that is enough.
REASONS = {
    "engagement_conductor/asgi.py": "Wiring alone: tests/e2e goes through all of it.",
    "engagement_conductor/local_stack/with_servers.py": (
        "Puts together what test_servers.py and test_stack.py cover; not run by a test itself."
    ),
    "engagement_conductor/urls.py": (
        "Every address of the product is in the table of tests/dashboard/test_urls.py."
    ),
    "engagement_conductor/web_server/__main__.py": (
        "Needs a process of its own: tests/e2e/faults/test_greedy_clients.py."
    ),
    "engagement_conductor/web_server/limits.py": "Plain numbers, which other tests keep to.",
    "sessions_app/outcomes/part.py": (
        "An abstract class; pipeline/test_outcome_parts.py has a part of its own."
    ),
    "sessions_app/outcomes/session_parts.py": (
        "What each part keeps is in test_outbox.py beside it; how it is stored, in pipeline/."
    ),
    "sessions_app/scoring/detection_settings.py": "Plain defaults without behaviour.",
    "sessions_app/scoring/points.py": "Plain shapes without behaviour.",
    "sessions_app/shards/tick_input.py": (
        "Puts admission, placement and tables in order: tests/integration/test_oracle.py."
    ),
}
# Test files of what is no single module, or a second one of a module.
OF_SEVERAL = {
    "anomalies_app/detector/test_episode_rules.py": (
        "The second half of test_episodes.py: each rule at its limits."
    ),
    "anomalies_app/test_moved_sessions.py": "Who sees what is stored of a session that has moved.",
    "dashboard/test_access_methods.py": "The table of access again, by all methods and forgeries.",
    "dashboard/test_moved_sessions.py": "All pages and programs, of a session that has moved.",
    "sessions_app/migrations/test_fill_ended_by_hand.py": (
        "Migration 0013, which fills in a column; migrations are not among the modules."
    ),
}


def modules() -> set[str]:
    """All modules that have to do something, as paths below the root."""
    return {
        str(path.relative_to(ROOT))
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if "migrations" not in path.parts and path.name not in WITHOUT_TESTS
    }


def files_of_tests() -> set[str]:
    return {
        str(path.relative_to(ROOT / "tests"))
        for app in APPS
        for path in (ROOT / "tests" / app).rglob("test_*.py")
    }


def mirrored(module: str) -> str:
    """Where the tests of a module are, below ``tests``."""
    path = Path(module)
    return str(path.with_name(f"test_{path.name}"))


def test_every_module_has_its_test_file_or_a_reason() -> None:
    files = files_of_tests()
    missing = {module for module in modules() if mirrored(module) not in files}
    assert sorted(missing - {*REASONS}) == [], "no test file of their name"
    assert sorted({*REASONS} - missing) == [], "need no reason (any more)"


def test_every_test_file_has_its_module_or_a_reason() -> None:
    homeless = files_of_tests() - {mirrored(module) for module in modules()}
    assert sorted(homeless - {*OF_SEVERAL}) == [], "no module of their name"
    assert sorted({*OF_SEVERAL} - homeless) == [], "need no reason (any more)"


def test_reasons_are_sentences() -> None:
    for reason in (*REASONS.values(), *OF_SEVERAL.values()):
        assert len(reason.split()) > 2
        assert reason.endswith(".")


def test_no_folder_of_tests_is_crowded() -> None:
    folders = [path for path in (ROOT / "tests").rglob("*") if path.is_dir()]
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in folders
        if (count := len([each for each in folder.glob("*.py") if each.stem != "__init__"]))
        > LARGEST_FOLDER
    }
    assert crowded == {}
