"""A programme and its agenda."""

from collections import Counter


def test_the_agenda_knows_breaks_and_the_closing(sessions):
    words = Counter(word for session in sessions for word in session.agenda)
    assert set(words) == {"programme", "break", "closing"}
    for _, agenda, labels in sessions:
        excused = {tick for part in labels.excused for tick in range(part.start, part.end + 1)}
        assert {tick for tick, word in enumerate(agenda) if word != "programme"} <= excused
