"""A database has one identity."""

import pytest
from django.db import IntegrityError, transaction

from sessions_app.models import DatabaseEpoch


@pytest.mark.django_db
def test_the_database_refuses_a_second_identity() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        DatabaseEpoch.objects.create(id=2)
