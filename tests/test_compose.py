"""docker-compose.yml and Dockerfile, as far as they can be tested without an engine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
PROCESSES = {"web", "collector", "worker", "beat"}
SECRETS = {"SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
HEALTHY = {"condition": "service_healthy"}


def command(service: str) -> str:
    value = SERVICES[service]["command"]
    return value if isinstance(value, str) else " ".join(value)


def test_services_are_the_whole_product():
    assert set(SERVICES) == PROCESSES | {"timescaledb", "redis"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_a_bounded_health_check(name):
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} < set(check)


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_processes_check_themselves(name):
    check = SERVICES[name]["healthcheck"]["test"]
    assert check == ["CMD", "python", "-m", "engagement_conductor.healthcheck", name]


@pytest.mark.parametrize("name", ["timescaledb", "redis"])
def test_server_images_are_pinned_to_a_full_version(name):
    assert re.search(r":\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_dockerfile_images_are_pinned_to_a_full_version():
    text = (ROOT / "Dockerfile").read_text()
    defaults = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", text, re.MULTILINE))
    used = re.findall(r"^FROM \$\{(\w+)\}", text, re.MULTILINE)
    assert len(used) == len(re.findall("^FROM", text, re.MULTILINE)) == 3
    assert set(used) == set(defaults) == {"PYTHON_IMAGE", "NODE_IMAGE"}
    assert all(re.search(r":\d+\.\d+\.\d+", image) for image in defaults.values())
    given = COMPOSE["x-application"]["build"]["args"]
    assert given == {name: f"${{{name}:-{image}}}" for name, image in defaults.items()}


def test_the_image_holds_only_what_the_locks_name():
    text = (ROOT / "Dockerfile").read_text()
    [install] = re.findall(r"pip install .*?(?=\|\|)", text, re.DOTALL)
    for option in ("--require-hashes", "--no-build-isolation", "--only-binary=:all:"):
        assert option in install
    assert "uninstall --yes --quiet setuptools pip" in text


def test_secrets_come_from_the_environment_only():
    assert set(re.findall(r"\$\{(\w+):\?", TEXT)) == SECRETS
    for name in SECRETS:
        values = re.findall(rf"^\s+{name}: (.*)$", TEXT, re.MULTILINE)
        assert all(value.startswith(f"${{{name}:?") for value in values)
    assert not re.search(r"://\w*:(?!\$\{)[^@/\s]+@", TEXT), "a password in a URL"
    example = (ROOT / ".env.example").read_text()
    assert {name for name in SECRETS if f"\n{name}=\n" in example} == SECRETS


def test_every_variable_of_the_file_is_in_the_example():
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    given = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == given


def test_every_documented_variable_is_passed_or_named_as_settled():
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text.partition("## Environment variables")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))
    [settled] = re.findall(r"variables above except these, [^:]+: ([^;]+);", text)
    not_taken = set(re.findall(r"`([A-Z_]+)`", settled))
    taken = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    assert documented - taken == not_taken
    environment = COMPOSE["x-application"]["environment"]
    assert documented - not_taken - {"PORT"} <= set(environment)
    for name in documented & set(environment) & taken:
        assert environment[name].startswith(f"${{{name}:")


@pytest.mark.parametrize(("given", "expected"), [(None, "2000"), ("", "2000"), ("70", "70")])
def test_pages_wait_briefly_for_locks_unless_told_otherwise(given, expected):
    script = (
        "import os; from engagement_conductor.web_server import __main__ as web;"
        "web.shorten_lock_timeout(); print(os.environ['DATABASE_LOCK_MS'])"
    )
    clean = {name: value for name, value in os.environ.items() if name != "DATABASE_LOCK_MS"}
    environment = clean if given is None else {**clean, "DATABASE_LOCK_MS": given}
    command = [sys.executable, "-c", script]
    output = subprocess.check_output(command, cwd=ROOT, env=environment, text=True)
    assert output.strip() == expected


def test_a_backup_by_the_recipe_is_for_its_owner_only(tmp_path):
    text = (ROOT / "docs" / "operations.md").read_text()
    [recipe] = re.findall(r"^    (.*pg_dump.* > night\.dump.*)$", text, re.MULTILINE)
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho dumped\n")
    docker.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    shell = ["sh", "-c", f"umask 022; {recipe}"]
    subprocess.run(shell, cwd=tmp_path, env={**os.environ, "PATH": path}, check=True)
    assert (tmp_path / "night.dump").read_text() == "dumped\n"
    assert (tmp_path / "night.dump").stat().st_mode & 0o777 == 0o600


def test_data_lies_in_named_volumes():
    mounted = {volume for name in SERVICES for volume in SERVICES[name].get("volumes", [])}
    assert {volume.split(":")[0] for volume in mounted} == set(COMPOSE["volumes"])
    assert len(mounted) == 3


def test_ports_are_open_to_this_machine_only():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_processes_wait_for_healthy_servers():
    servers = {"timescaledb": HEALTHY, "redis": HEALTHY}
    assert SERVICES["web"]["depends_on"] == servers
    for name in PROCESSES - {"web"}:
        assert SERVICES[name]["depends_on"] == {**servers, "web": HEALTHY}


def test_processes_use_the_servers_of_the_file():
    for name in PROCESSES:
        environment = SERVICES[name]["environment"]
        assert "@timescaledb:5432/engagement_conductor" in environment["DATABASE_URL"]
        assert environment["REDIS_URL"].endswith("@redis:6379/0")
        assert environment["TIMESCALEDB_REQUIRED"] == "True"


def test_commands_start_the_processes():
    assert "manage.py migrate" in command("web")
    assert "exec python -m engagement_conductor.web_server" in command("web")
    assert "manage.py collect_events" in command("collector")
    assert "celery -A engagement_conductor worker" in command("worker")
    assert "celery -A engagement_conductor beat" in command("beat")
    assert "--appendonly yes" in command("redis")
    assert "noeviction" in command("redis")


def test_dockerfile_copies_what_exists_and_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert f"\n!{name}\n" in ignored, name


def test_dockerfile_runs_as_another_user_with_static_files_collected():
    text = (ROOT / "Dockerfile").read_text()
    assert text.index("collectstatic") < text.index("\nUSER engagement")
    assert "npm ci" in text
    assert "requirements-dev" not in text
