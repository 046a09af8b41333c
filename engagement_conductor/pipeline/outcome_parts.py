"""The parts of a tick's outcome, in the order in which they are stored and published.

A new part needs a line here and no change of the tick. What open pages show of it is registered in
:data:`dashboard.live.sinks.SINKS`.
"""

from anomalies_app.shards.anomaly_part import AnomaliesPart
from sessions_app.outcomes.part import Part
from sessions_app.outcomes.session_parts import EndsPart, LastSeenPart, MetricsPart, PollsPart

PARTS: list[Part] = [MetricsPart(), LastSeenPart(), PollsPart(), AnomaliesPart(), EndsPart()]
