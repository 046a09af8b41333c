"""Given servers that do not answer are named, with what to do."""

import pytest
from django.conf import settings

from engagement_conductor.local_stack import ports

pytestmark = pytest.mark.e2e


def test_refused_credentials_are_named_at_once(start, tmp_path):
    database_url = settings.DATABASE_URL
    password = database_url.split(":")[2].split("@")[0]
    code, output = start(DATABASE_URL=database_url.replace(password, "wrong")).wait()
    assert code == 1
    assert "Cannot start: The database of DATABASE_URL at 127.0.0.1:" in output
    assert "password authentication failed" in output
    assert "Correct the user, password and name in DATABASE_URL" in output
    assert password not in output
    assert "Traceback" not in output


def test_silent_servers_are_named_with_what_to_do(start, tmp_path):
    free = ports.find_free()
    database = start(
        DATABASE_URL=f"postgresql://me:secret@127.0.0.1:{free}/name", data_dir=tmp_path / "a"
    )
    other = start(
        DATABASE_URL=settings.DATABASE_URL,
        REDIS_URL=f"redis://:secret@127.0.0.1:{free}/0",
        data_dir=tmp_path / "b",
    )
    code, output = database.wait()
    assert code == 1
    assert f"does not answer at 127.0.0.1:{free}" in output
    assert "unset it to use the embedded PostgreSQL" in output
    code, output = other.wait()
    assert code == 1
    assert f"The server of REDIS_URL does not answer at 127.0.0.1:{free}" in output
    assert "unset it to use the embedded Valkey" in output
    assert "secret" not in output
