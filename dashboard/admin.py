"""API tokens in Django admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from dashboard.models import ApiToken
from sessions_app.admin.change_list import CheckedAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(CheckedAdmin):
    """API tokens. A secret is shown once, when its token is created."""

    list_display = ("name", "beginning", "all_events", "can_write", "last_used_at", "revoked_at")
    list_filter = ("can_write", "all_events")
    search_fields = ("name",)
    autocomplete_fields = ("events",)
    fields = ("name", "all_events", "events", "can_write")
    readonly_fields = ("beginning", "created_at", "created_by", "last_used_at", "revoked_at")
    actions = ("revoke_tokens",)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return self.fields if obj is None else (*self.fields, *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
            request.new_secret = obj.renew_secret()
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        # Shown right away rather than after a redirect, so that the secret is stored nowhere.
        context = {
            **self.admin_site.each_context(request),
            "title": f"Token for {obj}",
            "opts": self.opts,
            "secret": request.new_secret,
        }
        return TemplateResponse(request, "admin/dashboard/apitoken/created.html", context)

    @admin.action(description="Revoke the selected tokens", permissions=["change"])
    def revoke_tokens(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        for token in tokens.valid():
            token.revoke()
            self.log_change(request, token, "Revoked.")
        self.message_user(request, "The selected tokens have been revoked.")
