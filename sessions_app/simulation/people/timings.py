"""How long what people do takes, and what share of them does it, in all simulated sessions."""

# Share of the audience that arrives at the start; the others may arrive later.
AT_THE_START = 0.9
# Parameters of the beta distribution of arrivals within arrival_s: most come early.
ARRIVAL_SHAPE = (1.3, 2.2)
APPLAUSE_SECONDS = 10.0
BURST_SECONDS = (5.0, 15.0)
# How long a person who has lost the connection is away.
DROPOUT_SECONDS = (1.0, 30.0)
HICCUP_SECONDS = 2.0
TYPED_SHARE = 0.3
TYPING_SECONDS = (1.0, 4.0)
CHANGED_VOTES = 0.05
CHANGED_VOTE_SECONDS = 3.0
FIRST_VOTE_SECONDS = 0.5
VOTE_DELAY_SECONDS = 12.0


def announces(number: int, share: float) -> bool:
    """Whether the client of user ``number`` announces joins and leaves; deterministic."""
    return int((number + 1) * share) > int(number * share)


def voting_share(participation: float, activity: float) -> float:
    """Share of those present who vote: ``participation``, reduced below half the usual activity."""
    return participation * min(1.0, activity * 2)
