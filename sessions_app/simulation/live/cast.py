"""The characters of the demo's simulated conference."""

from sessions_app.simulation.people.characters import Character, Phase, Polls

KEYNOTE = Character(
    key="keynote",
    title="Opening Keynote: The Next Ten Years",
    audience=340,
    arrival_s=45,
    chat=0.12,
    reactions=0.06,
    burst=4.0,
    phases=(
        Phase("opening", 60, activity=1.4),
        Phase("steady", 100, applause=0.3),
        Phase("applause", 20, activity=1.5, applause=0.8),
        Phase("steady", 80),
        Phase("applause", 20, activity=1.5, applause=0.6),
        Phase("questions", 60, activity=1.6),
    ),
)
PANEL = Character(
    key="panel",
    title="Panel: Standards in Practice",
    audience=60,
    arrival_s=60,
    chat=0.03,
    reactions=0.01,
    phases=(Phase("opening", 90), Phase("steady", 300, activity=0.8), Phase("steady", 120)),
)
WORKSHOP = Character(
    key="workshop",
    title="Workshop: Hands-on Data Pipelines",
    audience=100,
    arrival_s=45,
    chat=0.1,
    reactions=0.03,
    burst=2.0,
    phases=(
        Phase("opening", 60),
        Phase("exercise", 150, activity=0.5),
        Phase("discussion", 90, activity=1.6, applause=0.2),
    ),
    polls=Polls(first_s=40, every_s=150, open_s=90, participation=0.7),
)
TROUBLED = Character(
    key="product-launch",
    title="Product Launch, Live from Studio B",
    audience=140,
    arrival_s=30,
    chat=0.18,
    reactions=0.08,
    burst=2.0,
    repeats=False,
    phases=(
        Phase("opening", 45, activity=1.2),
        Phase("steady", 105),
        Phase("silence", 45, activity=0.08, arriving=0.0, leaving=0.05),
        Phase("mass_exit", 90, activity=0.08, arriving=0.0, leaving=0.8),
        Phase("deserted", 435, activity=0.15, arriving=0.0, leaving=0.03),
    ),
)
MEETUP = Character(
    key="meetup",
    title="Meet-up: Small Teams, Big Systems",
    audience=18,
    arrival_s=40,
    chat=0.35,
    reactions=0.12,
    burst=2.0,
    phases=(Phase("opening", 60), Phase("steady", 240), Phase("lull", 45, activity=0.4)),
)
CHARACTERS = (KEYNOTE, PANEL, WORKSHOP, TROUBLED, MEETUP)
