"""The command lines of the stack are those of programs that there are."""

import importlib.util
import socket

from django.core.management import get_commands

from engagement_conductor.local_stack import commands


def test_the_demo_has_a_conference_and_nothing_else_more() -> None:
    product = commands.processes(8000, demo=False)
    assert list(product) == ["web", "collector", "worker", "beat"]
    assert list(commands.processes(8000, demo=True)) == [*product, "conference"]


def test_each_runs_a_program_that_exists() -> None:
    arguments = [launch.arguments for launch in commands.processes(8000, demo=True).values()]
    arguments += [commands.migrate(), commands.create_demo_users(), commands.create_admin("alice")]
    for _, program, name, *_ in arguments:
        if program == "-m":
            assert importlib.util.find_spec(name)
        else:
            assert name in get_commands()


def test_the_web_server_listens_on_this_machine_only() -> None:
    web = commands.processes(8765, demo=False)["web"].arguments
    assert web[web.index("-b") + 1] == "127.0.0.1"
    assert web[web.index("-p") + 1] == "8765"


def test_names_tell_this_stack_from_others_on_the_same_servers() -> None:
    for name in (commands.COLLECTOR, commands.WORKER):
        assert socket.gethostname() in name
    product = commands.processes(8000, demo=False)
    assert commands.COLLECTOR in product["collector"].arguments
    assert commands.WORKER in product["worker"].arguments
