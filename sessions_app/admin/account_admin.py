"""Accounts and groups in Django admin, with the same lists and deletion as events."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group

from sessions_app.admin.change_list import CheckedAdmin
from sessions_app.admin.counted_deletion import CountedDeletion

admin.site.unregister([get_user_model(), Group])


@admin.register(get_user_model())
class AccountAdmin(CountedDeletion, UserAdmin):
    """Django's user admin; deleting a user also deletes that user's log entries."""


@admin.register(Group)
class CheckedGroupAdmin(CheckedAdmin, GroupAdmin):
    """Django's group admin, with checked query strings."""
