"""Admin pages that handle impossible values in query strings."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpRequest


class CheckedList(ChangeList):
    """A list that treats a filter such as the year 99999 like any other invalid filter.

    Django validates values when it builds the filter, but those that the database rejects fail only
    when rows are counted.
    """

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (ValueError, DataError) as error:
            raise IncorrectLookupParameters(str(error)) from error


class CheckedAdmin(admin.ModelAdmin):
    """Checks the filters of lists, and initial values of new rows from the query string."""

    def get_changelist(self, request: HttpRequest, **arguments: Any) -> type[CheckedList]:
        return CheckedList

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        fields = {each.name: each for each in (*self.opts.fields, *self.opts.many_to_many)}
        read = {}
        for name, value in initial.items():
            try:
                read[name] = _read(fields.get(name), value)
            except (OverflowError, TypeError, ValidationError, ValueError):
                continue  # leave the field empty
        return read


def _read(field: Any, value: Any) -> Any:
    """A form value from one in a query string; Django would pass times on as strings.

    Raises:
        OverflowError, TypeError, ValidationError, ValueError: invalid for the field.
    """
    if field is None:
        return value
    if field.many_to_many:
        return [_read(field.remote_field.model._meta.pk, each) for each in value]
    return field.to_python(value)
