"""Checks the process of a container: ``python -m engagement_conductor.healthcheck web``.

Exit code 0 means healthy. Meant for the health checks of docker-compose.yml: it checks only the
process on its own host, whereas ``/health`` reports on the whole product.
"""

import http.client
import os
import socket
import sys
import time
from collections.abc import Callable

import redis

from engagement_conductor.celery import app
from engagement_conductor.scheduling import beat
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect_to

TIMEOUT_SECONDS = 5
FRESH_SECONDS = 30.0


def main() -> int:
    """Returns 0 if healthy, 1 if not, 2 for an unknown process name."""
    checks: dict[str, Callable[[], bool]] = {
        "web": web_answers,
        "collector": collector_answers,
        "worker": worker_answers,
        "beat": beat.is_alive,
    }
    check = checks.get(sys.argv[1]) if len(sys.argv) == 2 else None
    if check is None:
        print(f"Usage: python -m engagement_conductor.healthcheck {'|'.join(checks)}")
        return 2
    try:
        return 0 if check() else 1
    except (OSError, redis.RedisError, http.client.HTTPException) as error:
        print(error)
        return 1


def web_answers() -> bool:
    """Whether the web server answers, even if it reports that another part is down."""
    port = int(os.environ.get("PORT") or 8000)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    # As a proxy would send it: otherwise a public deployment redirects to https.
    connection.request("GET", "/healthz", headers={"X-Forwarded-Proto": "https"})
    status = connection.getresponse().status
    return status in {http.client.OK, http.client.SERVICE_UNAVAILABLE}


def collector_answers() -> bool:
    """Whether a collector on this host has sent a heartbeat within 30 s."""
    with connect_to(os.environ["REDIS_URL"], TIMEOUT_SECONDS) as client:
        oldest = (time.time() - FRESH_SECONDS) * 1000
        names = client.zrangebyscore(keys.COLLECTORS, oldest, "+inf")
    return any(name.decode().startswith(f"{socket.gethostname()}-") for name in names)


def worker_answers() -> bool:
    """Whether the Celery worker on this host answers a ping."""
    worker = f"celery@{socket.gethostname()}"
    return bool(app.control.inspect(destination=[worker], timeout=TIMEOUT_SECONDS).ping())


if __name__ == "__main__":
    sys.exit(main())
