"""Injects anomalies of known extent into programmes, and labels them."""

import copy
import math
from collections.abc import Iterator

import numpy as np

from sessions_app.simulation.labelled import labels
from sessions_app.simulation.labelled.drawing import TICKS_PER_MINUTE, Draft
from sessions_app.simulation.labelled.labels import Anomaly
from sessions_app.simulation.labelled.programme import Programme
from sessions_app.simulation.labelled.shapes import MODES, SHAPES, Plan
from sessions_app.simulation.labelled.truth import Truth, heard_share, level_of, truth_of
from sessions_app.simulation.people.characters import Character
from sessions_app.ticks import TICK_SECONDS, WINDOW_TICKS

# The thresholds in the definitions of the types.
DROP = 0.25
DECLINE = 0.15
EXIT_LEAVE_RATE = 0.15
LOW_LEVEL = 0.2
# A room whose level is always close to the threshold may fall below it by chance at any time.
ABOUT_LOW = 0.23
LATE_TICKS = TICKS_PER_MINUTE

# Margins to the thresholds between types, so that a label does not depend on rounding.
CLEARLY_LOW = 0.17
CLEARLY_NOT_LOW = 0.215
CLEAR_DROP = 0.28
# Standard deviations by which the leave rate of other types stays below that of a mass exit.
LEAVING_DEVIATIONS = 2.0
FEWEST_LEAVERS = 4.0
# With less, a drop in activity alone cannot be distinguished from chance.
CLEAR_PRESENCE = 0.9
CLEAR_CHAT_PER_MINUTE = 8.0
SMALLEST_AUDIENCE = 12

WARM_UP_TICKS = 5 * TICKS_PER_MINUTE
SPACING_TICKS = 8 * TICKS_PER_MINUTE
PER_HOUR = 1.3
ABOUT_LOW_KIND = "low"
MOST = 3
TRIES = 120


def bring_trouble(draft: Draft, random: np.random.Generator) -> tuple[Draft, list[Anomaly]]:
    """The draft with up to three injected anomalies, and their labels in order of time."""
    hours = draft.programme.ticks / (60 * TICKS_PER_MINUTE)
    count = min(MOST, int(random.poisson(PER_HOUR * hours)))
    if draft.character.audience < SMALLEST_AUDIENCE:
        count = 0
    plans: list[Plan] = []
    truth = truth_of(*draft)
    for type_ in random.choice(labels.ANOMALY_TYPES, size=count).tolist():
        for plan in _draw_plans(type_, draft, random):
            if not _fits(plan, draft, plans) or not _is_of_its_type(plan, draft, truth):
                continue
            changed = draft._replace(programme=_apply(plan, draft, truth))
            changed_truth = truth_of(*changed)
            # One anomaly must not mask another, before or after it.
            if all(_first_evident(each, changed_truth) is not None for each in [*plans, plan]):
                plans.append(plan)
                draft, truth = changed, changed_truth
                break
    plans.sort(key=lambda plan: plan.start)
    _excuse_low(draft, truth, plans)
    return draft, [_label(plan, draft.character, truth) for plan in plans]


def _excuse_low(draft: Draft, truth: Truth, plans: list[Plan]) -> None:
    """Excuses ticks at which a room is low without having fallen."""
    programme = draft.programme
    low = truth.level < ABOUT_LOW
    low[: round(draft.character.arrival_s / TICK_SECONDS) + WINDOW_TICKS] = False
    for plan in plans:
        low[plan.start : plan.end + 1 + LATE_TICKS] = False
    for stretch in programme.excused:
        low[stretch.start : stretch.end + 1] = False
    edges = np.flatnonzero(np.diff(low, prepend=False, append=False)).tolist()
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        programme.excuse(ABOUT_LOW_KIND, start, end - 1)


def _draw_plans(type_: str, draft: Draft, random: np.random.Generator) -> Iterator[Plan]:
    """Candidate plans, one mode after another, so that easy modes do not crowd out the others."""
    for mode in random.permutation(SHAPES[type_].modes).tolist():
        for _ in range(TRIES):
            yield _draw_plan(type_, mode, draft, random)


def _draw_plan(type_: str, mode: str, draft: Draft, random: np.random.Generator) -> Plan:
    shape = SHAPES[type_]
    onset_s = float(np.exp(random.uniform(*np.log(shape.onset_s))))
    lasting = random.random() < shape.lasting
    hold_s = random.uniform(*shape.hold_s)
    recovery_s = 0.0 if lasting else max(float(TICK_SECONDS), random.uniform(*shape.recovery_s))
    return Plan(
        type_,
        mode,
        start=int(random.integers(0, draft.programme.ticks)),
        onset_s=onset_s,
        hold=round(hold_s / TICK_SECONDS),
        recovery=round(recovery_s / TICK_SECONDS),
        activity=float(np.exp(random.uniform(*np.log(MODES[mode].activity)))),
        presence=float(random.uniform(*MODES[mode].presence)),
    )


def _fits(plan: Plan, draft: Draft, others: list[Plan]) -> bool:
    """Whether the plan has quiet ticks around it, and no anomaly during one that lasts."""
    arrived = round(draft.character.arrival_s / TICK_SECONDS)
    if plan.start < arrived + WARM_UP_TICKS or plan.end >= draft.programme.ticks:
        return False
    spacing = SPACING_TICKS
    clear = all(
        plan.end + spacing < other.start or other.end + spacing < plan.start for other in others
    )
    # A lasting change must hold until the end of the session, apart from breaks.
    alone = plan.recovery > 0 or all(other.end < plan.start for other in others)
    before = plan.start - TICKS_PER_MINUTE
    return clear and alone and draft.programme.is_free(before, plan.end + TICKS_PER_MINUTE)


def _is_of_its_type(plan: Plan, draft: Draft, truth: Truth) -> bool:
    character, present = draft.character, float(truth.present[plan.start])
    before = float(truth.level[plan.start - 1])
    after = _level_after(plan, draft, truth)
    fall = 1 - after / before if before > 0 else 0.0
    if plan.type == labels.MASS_EXIT:
        leavers = character.announced * (1 - plan.presence)
        people = character.audience * present * leavers
        return leavers > 1.1 * EXIT_LEAVE_RATE and people >= FEWEST_LEAVERS
    if before < CLEARLY_NOT_LOW or not _leaves_quietly(plan, character, present):
        return False
    if plan.type == labels.LOW_ENGAGEMENT:
        return after <= CLEARLY_LOW
    if plan.presence > CLEAR_PRESENCE and not _is_chatty(plan, draft, truth):
        return False
    least = CLEAR_DROP if plan.type == labels.SUDDEN_DROP else DECLINE + 0.05
    return fall >= least and after >= CLEARLY_NOT_LOW


def _leaves_quietly(plan: Plan, character: Character, present: float) -> bool:
    """Whether it cannot be mistaken for a mass exit; ``present`` is a share of the audience."""
    minutes = max(1.0, plan.onset_s / 60)
    # Lost connections also count as leaves for a while.
    leaving = 1 - math.pow(plan.presence, 1 / minutes) + character.dropouts
    people = character.audience * present * plan.presence
    chance = LEAVING_DEVIATIONS * math.sqrt(character.announced * leaving / people)
    return character.announced * leaving + chance < EXIT_LEAVE_RATE


def _is_chatty(plan: Plan, draft: Draft, truth: Truth) -> bool:
    people = draft.character.audience * float(truth.present[plan.start])
    activity = float(draft.programme.activity[plan.start])
    return people * draft.character.chat * activity >= CLEAR_CHAT_PER_MINUTE


def _level_after(plan: Plan, draft: Draft, truth: Truth) -> float:
    """The level at the full extent, once no window reaches back before the start."""
    at = slice(plan.start - 1, plan.start)
    present = truth.present[at] * plan.presence
    acting = present * draft.programme.activity[at] * plan.activity
    active = present * heard_share(draft.character)
    return float(level_of(draft.character, acting, active, truth.seen[at])[0])


def _apply(plan: Plan, draft: Draft, truth: Truth) -> Programme:
    """A copy of the programme with the anomaly injected."""
    programme = copy.deepcopy(draft.programme)
    onset = slice(plan.start, plan.start + plan.onset)
    hold = slice(onset.stop, onset.stop + plan.hold if plan.recovery else programme.ticks)
    recovery = slice(hold.stop, hold.stop + plan.recovery)

    sinking = np.minimum(1.0, np.arange(1, plan.onset + 1) * TICK_SECONDS / plan.onset_s)
    programme.activity[onset] *= plan.activity**sinking
    programme.activity[hold] *= plan.activity
    rising = np.linspace(1, 0, plan.recovery, endpoint=False)
    programme.activity[recovery] *= plan.activity**rising

    minutes = plan.onset / TICKS_PER_MINUTE
    programme.leaving[onset] += -np.log(plan.presence) / minutes
    programme.arriving[onset] = 0.0
    stay = _balanced_arrivals(plan, programme, truth)
    free = np.array([word == "programme" for word in programme.agenda[hold]], dtype=np.bool_)
    programme.arriving[hold] = np.where(free, stay, programme.arriving[hold])
    if plan.recovery and plan.presence < 0.97:
        # Nine in ten come back.
        programme.arriving[recovery] = np.log(10) / (plan.recovery / TICKS_PER_MINUTE)
    return programme


def _balanced_arrivals(plan: Plan, programme: Programme, truth: Truth) -> float:
    """The arrival rate that balances departures, so that the loss neither shrinks nor grows."""
    present = float(truth.present[plan.start - 1]) * plan.presence
    leaving = float(programme.leaving[plan.start - 1])
    return leaving * present / max(0.02, 1 - present)


def _first_evident(plan: Plan, truth: Truth) -> int | None:
    """The first tick at whose end the definition of the type holds; None if it never does."""
    span = slice(plan.start, plan.end + 1)
    before, level = float(truth.level[plan.start - 1]), truth.level[span]
    holds = {
        labels.SUDDEN_DROP: level <= (1 - DROP) * before,
        labels.GRADUAL_DECLINE: level <= (1 - DECLINE) * before,
        labels.MASS_EXIT: truth.leave_rate[span] >= EXIT_LEAVE_RATE,
        labels.LOW_ENGAGEMENT: level < LOW_LEVEL,
    }[plan.type]
    return plan.start + int(np.argmax(holds)) if holds.any() else None


def _label(plan: Plan, character: Character, truth: Truth) -> Anomaly:
    evident = _first_evident(plan, truth)
    if evident is None:
        raise AssertionError(plan)
    before = float(truth.level[plan.start - 1])
    lowest = float(truth.level[plan.start : plan.end + 1].min())
    kept = plan.presence if plan.type == labels.MASS_EXIT else lowest / before
    people = character.audience * float(truth.present[plan.start - 1])
    return Anomaly(
        start=plan.start,
        end=plan.end,
        type=plan.type,
        magnitude=round(1 - kept, 3),
        evident=evident,
        mode=plan.mode,
        level_before=round(before, 3),
        level_after=round(lowest, 3),
        onset_s=round(plan.onset_s, 1),
        people=round(people * (1 - plan.presence)),
    )
