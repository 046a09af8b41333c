"""Scores, signals and times as templates write them."""

from dashboard.templatetags.engagement_filters import (
    NOTHING,
    acknowledgement,
    figure,
    number,
    percent,
    points,
    presentation_data,
    since,
    time_span,
    whole,
)


def test_ratios_are_shown_as_whole_percent() -> None:
    assert [percent(ratio) for ratio in (0.0, 0.624, 1.0, None, "")] == [
        "0",
        "62",
        "100",
        NOTHING,
        NOTHING,
    ]
    assert figure(0.624, "percent") == "62"


def test_counts_are_shown_as_whole_numbers() -> None:
    assert [whole(number) for number in (0, 12.5, 1_234_567, None)] == [
        "0",
        "13",
        "1,234,567",
        NOTHING,
    ]
    assert figure(1_234.5, "whole") == "1,235"


def test_numbers_that_scripts_write_again_carry_their_value() -> None:
    assert number(1_307.5) == '<data value="1308">1,308</data>'
    assert number(None) == NOTHING


def test_points_of_a_score_have_a_sign_and_one_decimal() -> None:
    shown = [points(value) for value in (24.3, -1.6, 0.0, 30.0, None)]
    assert shown == ["+24.3", "\N{MINUS SIGN}1.6", "0.0", "+30.0", NOTHING]


def test_a_length_of_time_is_the_browsers_to_put_in_words() -> None:
    element = '<time-span length="3900400"><noscript>1:05:00</noscript></time-span>'
    assert time_span(3_900_400) == element
    assert time_span(since(5_000, 1_000)).startswith('<time-span length="4000"')
    assert time_span(since(None, 1_000)) == time_span("") == "<time-span></time-span>"


def test_an_acknowledgement_says_who_and_when() -> None:
    seen = {"by": "alice", "text": "Acknowledged by alice", "at": 1_700_000_000_000}
    assert acknowledgement(seen) == "Acknowledged by alice at 22:13:20 UTC"
    assert acknowledgement(None) == acknowledgement("") == ""


def test_data_for_scripts_is_no_script() -> None:
    data = presentation_data()
    assert data.startswith('<script id="presentation" type="application/json">{')
    assert data.count("<") == 2
