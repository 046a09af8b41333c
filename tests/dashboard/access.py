"""Who may open what: a row for every address of the product. A new address needs a new row."""

from typing import NamedTuple

LOGIN = "asked to log in"
REFUSED = 403
UNKNOWN = 404
ROLES = ("nobody", "bob", "alice", "staff", "admin", "foreign token", "token")


class Row(NamedTuple):
    """What each role gets, in the order of :data:`ROLES`: a status, or :data:`LOGIN`.

    Bob organizes another event than Alice, whose session and event are asked for; staff has no
    permission at all. One token sees Bob's event and one Alice's, and both may write.
    """

    path: str
    answers: tuple[int | str, ...]
    method: str = "get"


def public(path: str, status: int = 200) -> Row:
    return Row(path, (status,) * len(ROLES))


def for_people(path: str) -> Row:
    """For everybody who has logged in."""
    return Row(path, (LOGIN, 200, 200, 200, 200, LOGIN, LOGIN))


def of_the_event(path: str, method: str = "get", status: int = 200) -> Row:
    """For those who organize the event, and admins; for others it does not exist."""
    answers = (LOGIN, UNKNOWN, status, UNKNOWN, status, LOGIN, LOGIN)
    return Row(path, answers, method)


def for_programs(path: str, foreign: int = UNKNOWN, status: int = 200, method: str = "get") -> Row:
    return Row(path, (401, 401, 401, 401, 401, foreign, status), method)


def for_staff(path: str, admin: int = 200, staff: int = REFUSED) -> Row:
    return Row(path, (LOGIN, LOGIN, LOGIN, staff, admin, LOGIN, LOGIN))


SESSION = r"api/v1/^session"
PAGES = {
    "": for_people("/"),
    "finished/": for_people("/finished/"),
    "sessions/<int:pk>/": of_the_event("/sessions/{session.pk}/"),
    "sessions/<int:pk>/report/": of_the_event("/sessions/{session.pk}/report/"),
    "sessions/<int:pk>/history/": of_the_event("/sessions/{session.pk}/history/?range=5m"),
    "sessions/<int:pk>/<slug:name>.<slug:form>": of_the_event("/sessions/{session.pk}/metrics.csv"),
    "anomalies/<uuid:anomaly_id>/acknowledge/": of_the_event(
        "/anomalies/{anomaly.pk}/acknowledge/", "post", 302
    ),
    "login/": Row("/login/", (200, 302, 302, 302, 302, 200, 200)),
    "logout/": Row("/logout/", (LOGIN,) * len(ROLES), "post"),
    "favicon.ico": public("/favicon.ico", 302),
    "healthz": public("/healthz"),
    "health": public("/health", 200),
    "metrics": Row("/metrics", (401, 401, 401, 401, 200, 401, 401)),
    r"api/v1/^openapi\.yaml$": public("/api/v1/openapi.yaml"),
    "api/v1/^events/?$": for_programs("/api/v1/events/", 200),
    "api/v1/^sessions/?$": for_programs("/api/v1/sessions/", 200),
    r"api/v1/^sessions/(?P<path>(?s:.+))$": for_programs("/api/v1/sessions/{session.external_id}/"),
    f"{SESSION}/?$": for_programs("/api/v1/session/?id={session.external_id}"),
    f"{SESSION}/history/?$": for_programs("/api/v1/session/history/?id={session.external_id}"),
    f"{SESSION}/anomalies/?$": for_programs("/api/v1/session/anomalies/?id={session.external_id}"),
    **{
        f"{SESSION}/{part}/?$": for_programs(
            f"/api/v1/session/{part}/?id={{session.external_id}}", method="post"
        )
        for part in ("pause", "resume", "end")
    },
    "api/v1/": for_programs("/api/v1/nothing/", UNKNOWN, UNKNOWN),
    "admin/": for_staff("/admin/", staff=200),
    "admin/system/": for_staff("/admin/system/"),
    "admin/login/": Row("/admin/login/", (200, 200, 200, 302, 302, 200, 200)),
    "admin/logout/": Row("/admin/logout/", (LOGIN, 302, 302, 405, 405, LOGIN, LOGIN)),
    "admin/password_change/": for_staff("/admin/password_change/", staff=200),
    "admin/password_change/done/": for_staff("/admin/password_change/done/", staff=200),
    "admin/autocomplete/": for_staff("/admin/autocomplete/", REFUSED),
    "admin/anomalies_app/anomaly/export/": for_staff("/admin/anomalies_app/anomaly/export/"),
    "admin/jsi18n/": for_staff("/admin/jsi18n/", staff=200),
    "admin/r/<path:content_type_id>/<path:object_id>/": for_staff("/admin/r/1/1/", 404, 404),
    "admin/auth/user/<id>/password/": for_staff("/admin/auth/user/{alice.pk}/password/"),
    "admin/^(?P<app_label>auth|sessions_app|anomalies_app|dashboard)/$": for_staff(
        "/admin/sessions_app/", staff=404
    ),
    "admin/(?P<url>.*)$": for_staff("/admin/nothing/", 404, 404),
}

# The admin's pages of a model, by the object that they are asked for; all want its permissions.
MODELS = {
    "auth/group": "{group.pk}",
    "auth/user": "{alice.pk}",
    "sessions_app/event": "{session.event.pk}",
    "sessions_app/session": "{session.pk}",
    "anomalies_app/anomaly": "{anomaly.pk}",
    "dashboard/apitoken": "{token.pk}",
}
MODEL_PAGES = {
    "": "",
    "add/": "add/",
    "<path:object_id>/history/": "{key}/history/",
    "<path:object_id>/delete/": "{key}/delete/",
    "<path:object_id>/change/": "{key}/change/",
}
# What is detected is neither added nor deleted by hand.
NOBODY_MAY = {
    "admin/anomalies_app/anomaly/add/",
    "admin/anomalies_app/anomaly/<path:object_id>/delete/",
}


def model_rows() -> dict[str, Row]:
    rows = {}
    for model, key in MODELS.items():
        for suffix, path in MODEL_PAGES.items():
            route = f"admin/{model}/{suffix}"
            status = REFUSED if route in NOBODY_MAY else 200
            rows[route] = for_staff(f"/admin/{model}/{path.replace('{key}', key)}", status)
        old = f"/admin/{model}/{key}/"
        rows[f"admin/{model}/<path:object_id>/"] = for_staff(old, 302, 302)
    return rows


ROWS = PAGES | model_rows()

# Whether the handshake is accepted, for the roles up to the admin.
SOCKETS = {
    "ws/overview/": ("/ws/overview/", (False, True, True, True, True)),
    "ws/sessions/<int:pk>/": ("/ws/sessions/{session.pk}/", (False, False, True, False, True)),
    "": ("/ws/anything/else/", (False, False, False, False, False)),
}
