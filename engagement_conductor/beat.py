"""Former path of the scheduler, which command lines of earlier releases still pass to beat."""

from engagement_conductor.scheduling.beat import HeartbeatScheduler

__all__ = ["HeartbeatScheduler"]
