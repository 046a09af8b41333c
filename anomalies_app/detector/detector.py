"""The detector: all sessions of a tick at once, and a pure function of what was before.

``0.7 x HalfSpaceTrees + 0.3 x z-score``, both as surprises against past sessions, says how unusual
a tick is; rules that need presence and chat to agree say whether something is wrong; and episodes
make one alert of it. Sessions do not influence one another.
"""

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.batches import portions, settings_of
from anomalies_app.detector.calibration import Calibration, SizeClasses, anomaly_score, surprises
from anomalies_app.detector.episodes import YOUNGEST_TICKS, advance_episodes, is_building_up
from anomalies_app.detector.explanations import explain_changes
from anomalies_app.detector.features import Evidence, begin, is_suspicious, learn, observe, vitality
from anomalies_app.detector.forest_state import learn_many, score_many, window_of
from anomalies_app.detector.half_space_trees import Turns
from anomalies_app.detector.judgement import Judgement, join_judgements
from anomalies_app.detector.state import FOREST, NO_EPISODE, DetectorState
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, Signals

Floats = NDArray[np.float32]

FOREST_SHARE = 0.7
DEVIATION_SHARE = 0.3
# Surprises are scaled into [0, 1], where the trees split.
SURPRISE_SCALE = 4.0
# Rooms differ from those that the tables were made of, and a room that recovers from trouble is not
# quite quiet: what seems to happen once in 100 ticks happens about once in 50.
RESERVE = 0.87
OLDEST_TICKS = 60_000


class Detector:
    """Carries the state of sessions from tick to tick.

    Args:
        calibration: against which everything is measured.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self._prior = [window_of(FOREST, FOREST.turns(points)) for points in calibration.prior]

    def step(
        self,
        state: DetectorState,
        tick: int,
        signals: Signals,
        scores: NDArray[np.float64],
        muted: NDArray[np.bool_],
        score_settings: ScoreSettings,
        settings: DetectionSettings,
    ) -> Judgement:
        """Advances all sessions by one tick.

        Args:
            state: after the tick before; changed in place.
            tick: the next one.
            signals: of the tick, arrays of one element per session of the state.
            scores: engagement scores in [0, 1].
            muted: where nothing may be raised.
            score_settings: of each session's event.
            settings: of each session's event.
        """
        signals = Signals(*(np.asarray(values, np.float32) for values in signals))
        found = [
            self._step(
                state.part(rows),
                tick,
                Signals(*(np.asarray(values)[rows] for values in signals)),
                scores[rows],
                muted[rows],
                settings_of(score_settings, rows),
                settings_of(settings, rows),
            )
            for rows in portions(len(state))
        ]
        state.tick = tick
        return join_judgements(found)

    def _step(
        self,
        state: DetectorState,
        tick: int,
        signals: Signals,
        scores: NDArray[np.float64],
        muted: NDArray[np.bool_],
        score_settings: ScoreSettings,
        settings: DetectionSettings,
    ) -> Judgement:
        state.tick = tick
        lively = vitality(state, signals, score_settings)
        begin(state, signals, lively, scores)
        state.remember("score", tick, scores.astype(np.float32))
        evidence = observe(state, tick, signals, lively)
        sizes = SizeClasses.of(state["presence_level"])
        self._stand_in(state, sizes)
        points = self._points(evidence, sizes)
        turns = FOREST.turns(points)
        forest = score_many(FOREST, state.forest, turns).astype(np.float32)
        deviation = z_scores(evidence)
        combined = self._combined(forest, deviation, sizes)
        (surprise,) = surprises(self.calibration.of_combination, combined[None], sizes)
        eased = RESERVE * surprise + np.log10(np.asarray(settings.sensitivity, np.float32))
        score = anomaly_score(eased)
        expected = state["score_level"].copy()
        changes = advance_episodes(state, evidence, signals, score, muted, settings)
        worse = np.concatenate([changes.began, changes.escalated])
        reasons = explain_changes(state, signals, worse) if len(worse) else []
        self._learn(state, evidence, signals, turns, muted)
        return Judgement(
            evidence,
            points,
            sizes,
            forest,
            deviation,
            combined,
            score,
            expected,
            changes,
            reasons,
        )

    def _points(self, evidence: Evidence, sizes: SizeClasses) -> Floats:
        scaled = surprises(self.calibration.of_features, np.array(evidence.features()), sizes)
        scaled /= SURPRISE_SCALE
        return np.ascontiguousarray(np.minimum(scaled, 1.0, out=scaled).T)

    def _combined(self, forest: Floats, deviation: Floats, sizes: SizeClasses) -> Floats:
        parts = np.array([forest, deviation])
        of_forest, of_deviation = surprises(self.calibration.of_parts, parts, sizes)
        combined: Floats = FOREST_SHARE * of_forest + DEVIATION_SHARE * of_deviation
        return combined

    def _stand_in(self, state: DetectorState, sizes: SizeClasses) -> None:
        """Gives sessions that are old enough to be judged, but have no past, one of others."""
        waiting = ~state.forest.is_live & (state["age"] >= YOUNGEST_TICKS)
        if not waiting.any():
            return
        for size, reference in enumerate(self._prior):
            rows = np.flatnonzero(waiting & (sizes.classes == size))
            state.forest.stand_in(rows, reference)

    def _learn(
        self,
        state: DetectorState,
        evidence: Evidence,
        signals: Signals,
        turns: Turns,
        muted: NDArray[np.bool_],
    ) -> None:
        learns = (state["episode"] == NO_EPISODE) & ~muted
        learn(state, evidence, signals, learns)
        # What leads to an alert must not be familiar by the time it does.
        usual = ~is_suspicious(evidence) & ~is_building_up(state)
        settled = state["age"] >= YOUNGEST_TICKS
        learn_many(FOREST, state.forest, turns, learns & usual & settled)
        state["age"] = np.minimum(state["age"] + 1, OLDEST_TICKS)


def z_scores(evidence: Evidence) -> Floats:
    """How many standard deviations presence and vitality together are below their levels."""
    together = evidence.presence_deviations + evidence.vitality_deviations
    scores: Floats = np.maximum(0, together / np.sqrt(np.float32(2)))
    return scores
