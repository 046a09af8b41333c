"""A form for models with an ID of the platform."""

from django import forms
from django.core.exceptions import ValidationError

from sessions_app.events.decoding import has_control_characters


class PlatformIdForm(forms.ModelForm):
    """A form that accepts only IDs that the platform's events can contain."""

    def clean_external_id(self) -> str:
        external_id: str = self.cleaned_data["external_id"]
        # Existing IDs are not checked, as otherwise the row could not be saved at all.
        if "external_id" in self.changed_data and has_control_characters(external_id):
            raise ValidationError("An ID must not contain control characters.")
        return external_id
