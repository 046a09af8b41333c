"""Deletion in the admin that counts dependent rows instead of listing them."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from sessions_app.admin.change_list import CheckedAdmin
from sessions_app.admin.deletion import COUNTED_ROWS, count_deleted

NAMED = 100


class CountedDeletion(CheckedAdmin):
    """Replaces Django's confirmation, which loads every dependent row in order to list it."""

    def delete_keys(self, keys: list[int]) -> None:
        """Deletes the rows with these keys and all dependent rows."""
        self.model._base_manager.filter(pk__in=keys).delete()

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        chosen = list(objs)
        counts = count_deleted(self.model, [each.pk for each in chosen])
        lacking = {
            model._meta.verbose_name
            for model in counts
            if self.admin_site.is_registered(model) and not _may_delete(request, model)
        }
        if not all(self.has_delete_permission(request, each) for each in chosen):
            lacking.add(self.opts.verbose_name)
        named = [str(each) for each in chosen[:NAMED]]
        if len(chosen) > NAMED:
            named.append(f"and {len(chosen) - NAMED:,} more")
        summary = {self.opts.verbose_name_plural: f"{len(chosen):,}"}
        summary |= {model._meta.verbose_name_plural: _number(n) for model, n in counts.items()}
        return named, summary, lacking, []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        # Unlike Django, not in one transaction, which could be very long.
        return self._delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_keys([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        self.delete_keys(list(queryset.values_list("pk", flat=True)))


def _may_delete(request: HttpRequest, model: type[Model]) -> bool:
    """Checks the permission itself, as the admin pages of some models disallow any deletion."""
    opts = model._meta
    allowed: bool = request.user.has_perm(f"{opts.app_label}.delete_{opts.model_name}")
    return allowed


def _number(count: int) -> str:
    return f"{count:,}" if count <= COUNTED_ROWS else f"more than {COUNTED_ROWS:,}"
