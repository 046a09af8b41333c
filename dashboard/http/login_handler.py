"""Decides for django-axes whether a login attempt is locked out."""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from django.http import HttpRequest
from django.utils import timezone

from dashboard.http.login_pauses import note_login, pause_before_login


class LoginHandler(AxesDatabaseHandler):
    """Axes' lockout by name and network, plus a pause while a name's password is being guessed."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        if super().is_locked(request, credentials):
            return True
        name = get_client_username(request, credentials) or ""
        pause = pause_before_login(name, request.axes_ip_address or "", timezone.now())
        request.login_pause = pause.total_seconds()
        return bool(pause)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        super().user_logged_in(sender, request, user, **kwargs)
        note_login(user.get_username(), request.axes_ip_address or "", timezone.now())
