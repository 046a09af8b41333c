"""``python -m tests.e2e.scenes.screenshots [NAME ...]``: takes screenshots of every scene.

Needs an empty database and Redis; ``make screenshots`` starts them.
"""

import os
import sys
from pathlib import Path

import django

WIDTHS = (375, 1280, 2560)
FOLDER = Path("screenshots")


def main(names: list[str]) -> int:
    """Takes screenshots of the named scenes, all by default; returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engagement_conductor.settings")
    # Playwright runs an event loop in this thread, but nothing here awaits in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    django.setup()
    from tests.e2e.scenes.all_scenes import SCENES

    if not os.environ.get("CHROMIUM"):
        print("There is no Chromium: install it, or set CHROMIUM to its path.", file=sys.stderr)
        return 2
    known = [scene.name for scene in SCENES]
    if unknown := set(names) - set(known):
        print(f"Unknown: {', '.join(sorted(unknown))}. The scenes are {', '.join(known)}.")
        return 2
    _take([scene for scene in SCENES if scene.name in (names or known)])
    print(f"Written to {FOLDER}/.")
    return 0


def _take(scenes: list) -> None:
    from django.conf import settings
    from django.core.management import call_command

    from tests.e2e.driving.browser import open_browser
    from tests.e2e.driving.stack_process import RunningProcesses
    from tests.e2e.scenes.axe import SCHEMES
    from tests.e2e.scenes.stage import running_stage

    FOLDER.mkdir(exist_ok=True)
    urls = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
    # The same data folder, as with another secret key the server would reject logins made here.
    product = RunningProcesses(settings.DATA_DIR, *urls)
    product.manage("migrate", "--verbosity", "0")
    with (
        open_browser(os.environ["CHROMIUM"]) as browser,
        running_stage(product, browser) as stage,
    ):
        for scene in scenes:
            print(scene.name, flush=True)
            for width in WIDTHS:
                for scheme in SCHEMES:
                    call_command("flush", interactive=False, verbosity=0)
                    with stage.show(scene, width, scheme) as page:
                        path = FOLDER / f"{scene.name}-{width}-{scheme}.png"
                        page.screenshot(path=path, full_page=scene.whole)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
