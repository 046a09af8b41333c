"""Lists in the admin whose address asks for something that cannot be."""

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
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
