"""Runs one management command with servers: ``python -m ... COMMAND ...``.

If a stack is running, the command uses its servers. Otherwise an embedded server is started for
each URL that is not set, and stopped afterwards.
"""

import os
import subprocess
import sys
from contextlib import ExitStack

from engagement_conductor.configuration import env
from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack import servers as embedded
from engagement_conductor.local_stack.commands import manage
from engagement_conductor.local_stack.stack import StackError, lock


def main(arguments: list[str]) -> int:
    """Returns the command's exit code."""
    if not arguments:
        print("Usage: with_servers COMMAND ...: name a management command.", file=sys.stderr)
        return 2
    data_dir = env.data_dir()
    environment = {**os.environ, "DATA_DIR": str(data_dir)}
    with ExitStack() as servers:
        try:
            servers.enter_context(lock(data_dir))
        except StackError:
            return subprocess.run(manage(*arguments), cwd=BASE_DIR, env=environment).returncode  # noqa: S603
        logs = data_dir / "logs"
        if not environment.get("DATABASE_URL"):
            database = servers.enter_context(embedded.running(embedded.postgresql(data_dir), logs))
            environment["DATABASE_URL"] = database.url
        if not environment.get("REDIS_URL"):
            server = servers.enter_context(embedded.running(embedded.valkey(data_dir), logs))
            environment["REDIS_URL"] = server.url
        return subprocess.run(manage(*arguments), cwd=BASE_DIR, env=environment).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
