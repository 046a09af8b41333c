"""A form for whatever the platform has named."""

from django import forms
from django.core.exceptions import ValidationError

from sessions_app.events.decoding import has_control_characters


class PlatformIdForm(forms.ModelForm):
    """A form in which the platform's ID is one that the platform's events can have."""

    def clean_external_id(self) -> str:
        external_id: str = self.cleaned_data["external_id"]
        # One from before is left: nobody could save anything else of its row.
        if "external_id" in self.changed_data and has_control_characters(external_id):
            raise ValidationError("An ID has no control characters: no event could name it.")
        return external_id
