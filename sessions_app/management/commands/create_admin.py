"""``manage.py create_admin NAME``: an admin with a random password."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sessions_app.simulation import demo


class Command(BaseCommand):
    help = "Creates an admin and prints the password; an existing admin keeps the current one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "--reset-password",
            action="store_true",
            help="Give an existing admin a new password.",
        )

    def handle(self, *args: Any, name: str, reset_password: bool, **options: Any) -> None:
        try:
            password = demo.create_admin(name, reset_password)
        except demo.AccountError as error:
            raise CommandError(str(error)) from error
        if password is None:
            self.stderr.write(
                f"Admin {name} already exists; the password is unchanged. "
                f"To reset it: manage.py create_admin {name} --reset-password"
            )
        else:
            self.stdout.write(f"admin: {name} {password}")
