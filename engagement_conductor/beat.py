"""The scheduler by its former name, which the command lines of earlier releases give to beat."""

from engagement_conductor.scheduling.beat import HeartbeatScheduler

__all__ = ["HeartbeatScheduler"]
