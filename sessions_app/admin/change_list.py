"""Pages of the admin whose address asks for something that cannot be."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpRequest


class CheckedList(ChangeList):
    """A list that answers a year 99999 as it does any other filter that makes no sense.

    Django looks at a filter's value when it filters; that the database cannot look for it, is found
    when rows are counted.
    """

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (ValueError, DataError) as error:
            raise IncorrectLookupParameters(str(error)) from error


class CheckedAdmin(admin.ModelAdmin):
    """Lists are checked, and so is what an address fills the form of a new row with."""

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
                continue  # it is left empty
        return read


def _read(field: Any, value: Any) -> Any:
    """A value for the form, from that in an address: Django would take times as they are written.

    Raises:
        OverflowError, TypeError, ValidationError, ValueError: the field cannot have it.
    """
    if field is None:
        return value
    if field.many_to_many:
        return [_read(field.remote_field.model._meta.pk, each) for each in value]
    return field.to_python(value)
