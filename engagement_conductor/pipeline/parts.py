"""The parts of what a tick leads to, in the order in which they are stored and published.

A part that is new here is delivered without a change of the tick; what the open pages are shown of
it is in :data:`dashboard.live.sinks.SINKS`.
"""

from anomalies_app.shards.anomaly_part import AnomaliesPart
from sessions_app.outcomes.part import Part
from sessions_app.outcomes.session_parts import EndsPart, LastSeenPart, MetricsPart, PollsPart

PARTS: list[Part] = [MetricsPart(), LastSeenPart(), PollsPart(), AnomaliesPart(), EndsPart()]
