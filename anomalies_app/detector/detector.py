"""The detector: all sessions of a tick at once, as a pure function of their state.

``0.7 x HalfSpaceTrees + 0.3 x z-score``, both as surprises compared with past sessions, says how
unusual a tick is; rules, most of which require presence and chat to agree, say whether something is
wrong; an episode turns a run of such ticks into one anomaly. Sessions do not influence one another.
"""

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.batches import batches, settings_of
from anomalies_app.detector.calibration import Calibration, SizeClasses, anomaly_score, surprises
from anomalies_app.detector.episodes import YOUNGEST_TICKS, advance_episodes, is_building_up
from anomalies_app.detector.explanations import explain_changes
from anomalies_app.detector.features import (
    Features,
    extract,
    initialise,
    is_suspicious,
    learn,
    vitality,
)
from anomalies_app.detector.forest_state import learn_many, score_many, window_of
from anomalies_app.detector.half_space_trees import Turns
from anomalies_app.detector.judgement import Judgement, join_judgements
from anomalies_app.detector.state import FOREST, NO_EPISODE, DetectorState
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, Signals

Floats = NDArray[np.float32]

FOREST_SHARE = 0.7
DEVIATION_SHARE = 0.3
# Surprises are scaled into [0, 1], the range that the trees split.
SURPRISE_SCALE = 4.0
# Rooms differ from those of the calibration, and a room that recovers from trouble is not quite
# quiet: by the tables once in 100 ticks is about once in 50 in practice.
RESERVE = 0.87
# Ages are counted no further: they are stored in 16 bits.
OLDEST_TICKS = 60_000


class Detector:
    """Judges sessions tick by tick.

    Args:
        calibration: what is usual in past sessions.
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
            signals: of the tick, arrays with one element per session of the state.
            scores: engagement scores in [0, 1].
            muted: sessions for which nothing is raised, and whose episodes end.
            score_settings, settings: of each session's event, scalars or arrays.
        """
        signals = Signals(*(np.asarray(values, np.float32) for values in signals))
        judgements = [
            self._step(
                state.part(rows),
                tick,
                signals=Signals(*(np.asarray(values)[rows] for values in signals)),
                scores=scores[rows],
                muted=muted[rows],
                score_settings=settings_of(score_settings, rows),
                settings=settings_of(settings, rows),
            )
            for rows in batches(len(state))
        ]
        state.tick = tick
        return join_judgements(judgements)

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
        vitalities = vitality(state, signals, score_settings)
        initialise(state, signals, vitalities, scores)
        state.remember("score", tick, scores.astype(np.float32))
        features = extract(state, tick, signals, vitalities)
        sizes = SizeClasses.of(state["presence_level"])
        self._lend_references(state, sizes)
        points = self._points(features, sizes)
        turns = FOREST.turns(points)
        forest = score_many(FOREST, state.forest, turns).astype(np.float32)
        deviation = z_scores(features)
        combined = self._combined(forest, deviation, sizes)
        (surprise,) = surprises(self.calibration.of_combination, combined[None], sizes)
        eased = RESERVE * surprise + np.log10(np.asarray(settings.sensitivity, np.float32))
        score = anomaly_score(eased)
        expected = state["score_level"].copy()
        changes = advance_episodes(
            state, features, signals=signals, scores=score, muted=muted, settings=settings
        )
        worse = np.concatenate([changes.began, changes.escalated])
        explanations = explain_changes(state, signals, worse) if len(worse) else []
        self._learn(state, features, signals, turns, muted)
        return Judgement(
            features=features,
            points=points,
            sizes=sizes,
            forest=forest,
            deviation=deviation,
            combined=combined,
            score=score,
            expected=expected,
            changes=changes,
            explanations=explanations,
        )

    def _points(self, features: Features, sizes: SizeClasses) -> Floats:
        scaled = surprises(self.calibration.of_features, np.array(features.forest_inputs()), sizes)
        scaled /= SURPRISE_SCALE
        return np.ascontiguousarray(np.minimum(scaled, 1.0, out=scaled).T)

    def _combined(self, forest: Floats, deviation: Floats, sizes: SizeClasses) -> Floats:
        parts = np.array([forest, deviation])
        of_forest, of_deviation = surprises(self.calibration.of_parts, parts, sizes)
        combined: Floats = FOREST_SHARE * of_forest + DEVIATION_SHARE * of_deviation
        return combined

    def _lend_references(self, state: DetectorState, sizes: SizeClasses) -> None:
        """Gives sessions that are old enough to be judged, but have no full window yet, a prior."""
        waiting = ~state.forest.is_live & (state["age"] >= YOUNGEST_TICKS)
        if not waiting.any():
            return
        for size, reference in enumerate(self._prior):
            rows = np.flatnonzero(waiting & (sizes.classes == size))
            state.forest.set_reference(rows, reference)

    def _learn(
        self,
        state: DetectorState,
        features: Features,
        signals: Signals,
        turns: Turns,
        muted: NDArray[np.bool_],
    ) -> None:
        learning = (state["episode"] == NO_EPISODE) & ~muted
        learn(state, features, signals, learning)
        # The forest must not get used to what leads to an anomaly.
        usual = ~is_suspicious(features) & ~is_building_up(state)
        settled = state["age"] >= YOUNGEST_TICKS
        learn_many(FOREST, state.forest, turns, learning & usual & settled)
        state["age"] = np.minimum(state["age"] + 1, OLDEST_TICKS)


def z_scores(features: Features) -> Floats:
    """How far presence and vitality together are below their levels, in standard deviations."""
    total = features.presence_deviations + features.vitality_deviations
    scores: Floats = np.maximum(0, total / np.sqrt(np.float32(2)))
    return scores
