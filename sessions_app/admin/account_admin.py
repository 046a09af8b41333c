"""Accounts and groups in Django admin: lists and deletions as those of events."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group

from sessions_app.admin.change_list import CheckedAdmin
from sessions_app.admin.counted_deletion import CountedDeletion

admin.site.unregister([get_user_model(), Group])


@admin.register(get_user_model())
class AccountAdmin(CountedDeletion, UserAdmin):
    """Django's own; with a user goes the record of what that user did in the admin."""


@admin.register(Group)
class CheckedGroupAdmin(CheckedAdmin, GroupAdmin):
    """Django's own, with checked addresses."""
