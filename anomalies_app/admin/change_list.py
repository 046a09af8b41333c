"""The list of anomalies: of bounded size, with a picture of each and a form for verdicts."""

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from anomalies_app.admin.pictures import score_picture
from anomalies_app.models import Anomaly
from sessions_app.admin.change_list import CheckedList
from sessions_app.storage.locked_scores import ScoresLockedError, reading_scores

COUNTED_ROWS = 10_000
AROUND = timedelta(minutes=5)


class BoundedPaginator(Paginator):
    """Counts up to :data:`COUNTED_ROWS` rows only: counting a large table takes long."""

    @cached_property
    def count(self) -> int:
        return self.object_list[:COUNTED_ROWS].count()


class PicturedList(CheckedList):
    """A page of the list, with the pictures of its rows from one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        courses: dict[UUID, list[tuple[datetime, float]]] = {}
        # The list is useful without its pictures.
        with suppress(ScoresLockedError), reading_scores():
            courses = Anomaly.objects.courses(self.result_list, AROUND)
        for anomaly in self.result_list:
            course = courses.get(anomaly.pk, [])
            anomaly.picture = score_picture(course, anomaly.time, AROUND)


class NoteForm(ActionForm):
    """The action for the selected rows, with a note."""

    note = forms.CharField(
        required=False,
        label="Note:",
        widget=forms.TextInput(attrs={"size": 30, "placeholder": "optional"}),
    )


def chosen_keys(anomalies: QuerySet) -> list[UUID]:
    """The keys of the rows, :data:`COUNTED_ROWS` at most: as many as the list offers as "all"."""
    return list(anomalies.values_list("pk", flat=True)[:COUNTED_ROWS])


def pressed_verdict(pressed: str) -> tuple[UUID, str]:
    """The anomaly and the verdict of a row's button.

    Raises:
        ValueError: there is no such button.
    """
    verdict, _, key = pressed.partition(":")
    return UUID(key), verdict
