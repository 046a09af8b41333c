"""``manage.py backtest``: what the detector would find in past sessions with other thresholds."""

from dataclasses import replace
from typing import Any

import numpy as np
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from anomalies_app.detector.calibration import Calibration, CalibrationError
from anomalies_app.detector.episodes import Kind
from anomalies_app.evaluation.backtesting import Comparison, Variant, format_comparison
from anomalies_app.shards.calibration_files import load_calibration
from sessions_app.control.event_settings_cache import EventSettingsCache
from sessions_app.management.arguments import a_time, progress_bar
from sessions_app.models import Event
from sessions_app.recordings.stored_signals import Portion, StoredSignals
from sessions_app.scoring.detection_settings import DetectionSettings

THRESHOLDS = {
    "--sensitivity": "sensitivity",
    "--sudden-drop": "sudden_drop_threshold",
    "--mass-exit": "mass_exit_threshold",
    "--low-engagement": "low_engagement_threshold",
    "--warning": "warning_threshold",
    "--critical": "critical_threshold",
}


class Command(BaseCommand):
    help = (
        "Runs the detector over stored metrics, once with the settings of each event and once with "
        "the settings given here, and compares what it detects. Nothing is stored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--event", metavar="ID", help="Only this event. Default: all events.")
        parser.add_argument("--since", type=a_time, help="Only metrics since this date.")
        parser.add_argument("--calibration", help="Name of an alternative calibration.")
        for option, name in THRESHOLDS.items():
            description = Event._meta.get_field(name).verbose_name
            parser.add_argument(option, type=float, metavar="X", help=f"Alternative {description}.")
        parser.add_argument(
            "--mute",
            action="append",
            default=[],
            choices=[kind.name for kind in Kind],
            help="A type to mute; can be repeated.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        changes = _changes(options)
        try:
            own = load_calibration(settings.DETECTOR_CALIBRATION)
            other = load_calibration(options["calibration"]) if options["calibration"] else own
        except CalibrationError as error:
            raise CommandError(str(error)) from error
        if options["event"] and not Event.objects.meant_by(options["event"]).exists():
            raise CommandError(f"there is no event {options['event']!r}")
        is_changed = bool(changes) or other is not own
        stored = StoredSignals(options["since"], options["event"])
        events = EventSettingsCache()
        comparison = Comparison()
        total = stored.row_count * (1 + is_changed)
        with progress_bar(total, "session-ticks", "detecting") as bar:
            for portion in stored.portions():
                present = _present(portion, events, own)
                changed = _changed(present, changes, other) if is_changed else None
                comparison.take(portion.recorded, present, changed, bar.update)
        for line in format_comparison(comparison, is_changed):
            self.stdout.write(line)


def _changes(options: dict[str, Any]) -> dict[str, float | bool]:
    """The settings given on the command line, by name."""
    changes: dict[str, float | bool] = {}
    for option, name in THRESHOLDS.items():
        value = options[option.removeprefix("--").replace("-", "_")]
        if value is None:
            continue
        try:
            Event._meta.get_field(name).run_validators(value)
        except ValidationError as error:
            raise CommandError(f"{option}: {' '.join(error.messages)}") from error
        changes[name] = value
    return {**changes, **{f"mute_{kind.lower()}": True for kind in options["mute"]}}


def _present(portion: Portion, events: EventSettingsCache, calibration: Calibration) -> Variant:
    events.ensure(portion.event_ids)
    return Variant(
        calibration,
        events.settings_for(portion.event_ids),
        events.detection_settings_for(portion.event_ids),
    )


def _changed(
    present: Variant, changes: dict[str, float | bool], calibration: Calibration
) -> Variant:
    columns = {
        name: np.full_like(getattr(present.settings, name), value)
        for name, value in changes.items()
    }
    thresholds: DetectionSettings = replace(present.settings, **columns)
    if np.any(np.asarray(thresholds.warning_threshold) >= thresholds.critical_threshold):
        raise CommandError("the warning threshold must be below the critical threshold")
    return Variant(calibration, present.score_settings, thresholds)
