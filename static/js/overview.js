// The overview, updated by its socket: cards come and go with their sessions, those with alerts first.
import { announce } from "./alerts.js";
import { Card, isStale } from "./card.js";
import { setClock } from "./clock.js";
import { Connection } from "./connection.js";
import { Filter } from "./filter.js";
import { setText } from "./format.js";
import { FullScreen } from "./fullscreen.js";
import { WORDS, fill } from "./presentation.js";
import { inWallOrder } from "./wall.js";

// How often a snapshot is requested because a card lags behind the others: its session may be gone.
const STRAGGLER_INTERVAL = 30_000;

const element = (id) => document.getElementById(id);
const list = element("cards");
const template = element("card-template");
// In their order when none has an alert.
let cards = new Map();
let askedAt = 0;
let frame = null;
// The cards' elements in their current order.
let placed = [];

const filter = new Filter(element("filter"), () => draw());
const fullScreen = new FullScreen(element("wall-switch"), list);

function newCard(id) {
  return new Card(document.importNode(template.content.firstElementChild, true), id);
}

function takeSnapshot({ cards: current, now }) {
  setClock(now);
  const known = cards;
  cards = new Map();
  for (const data of current) {
    const card = known.get(data.session) ?? newCard(data.session);
    card.take(data, now);
    cards.set(data.session, card);
  }
  filter.offer([...cards.values()]);
  check();
}

function takePoints({ points, now }) {
  setClock(now);
  for (const point of points) {
    const card = cards.get(point.session);
    if (card) card.takePoint(point, now);
    else connection.requestSoon();
  }
  check();
}

function takeAnomalies({ anomalies, now }) {
  setClock(now);
  for (const anomaly of anomalies) {
    const card = cards.get(anomaly.session);
    if (!card) {
      connection.requestSoon();
      continue;
    }
    const news = card.takeAnomaly(anomaly);
    if (news) announce(anomaly, card.title, news);
  }
  drawSoon();
}

function takeEnds({ sessions }) {
  for (const { session } of sessions) cards.delete(session);
  drawSoon();
}

const HANDLERS = {
  snapshot: (message) => {
    // The notice that the scores were locked when the page was rendered.
    element("locked")?.remove();
    takeSnapshot(message);
  },
  points: takePoints,
  anomalies: takeAnomalies,
  ended: takeEnds,
};

/** The page is as current as its freshest card; without cards, nothing can be stale. */
function check() {
  const ages = [...cards.values()].map(({ age }) => age).filter((age) => age !== null);
  connection.received(ages.length ? Math.min(...ages) : 0);
  const stale = ages.filter(isStale).length;
  if (stale && stale < ages.length) checkStragglers();
  drawSoon();
}

function checkStragglers() {
  const now = performance.now();
  if (now - askedAt < STRAGGLER_INTERVAL) return;
  askedAt = now;
  connection.requestSnapshot();
}

/** At most once per frame, however much has arrived; a hidden tab has no frames. */
function drawSoon() {
  frame ??= requestAnimationFrame(draw);
}

function draw() {
  cancelAnimationFrame(frame);
  frame = null;
  const shown = inWallOrder(cards.values());
  const choice = filter.current;
  for (const card of shown) {
    card.applyFilter(filter, choice);
    card.draw();
  }
  place(shown.map((card) => card.element));
  drawCounts(shown);
  fullScreen.arrange();
}

/** Moves only the cards that are out of place; a focused card keeps the focus. */
function place(elements) {
  if (elements.length === placed.length && elements.every((each, index) => each === placed[index])) return;
  placed = elements;
  const wanted = new Set(elements);
  for (const old of [...list.children]) if (!wanted.has(old)) old.remove();
  const focused = document.activeElement;
  let next = list.firstElementChild;
  for (const each of elements) {
    if (each === next) next = next.nextElementSibling;
    else list.insertBefore(each, next);
  }
  if (list.contains(focused) && focused !== document.activeElement) {
    focused.focus({ preventScroll: true });
  }
}

function drawCounts(shown) {
  const alerts = shown.filter(({ anomaly }) => anomaly !== null).length;
  const live = fill(shown.length === 1 ? WORDS.live : WORDS.live_many, { count: shown.length });
  setText(element("summary"), live + (alerts ? fill(WORDS.with_alert, { count: alerts }) : ""));
  const visible = shown.filter((card) => !card.element.hidden).length;
  list.dataset.shown = visible;
  setText(element("shown"), visible < shown.length ? fill(WORDS.shown, { shown: visible, count: shown.length }) : "");
  element("empty").hidden = shown.length > 0;
  element("no-match").hidden = shown.length === 0 || visible > 0;
}

for (const each of list.children) {
  const id = Number(each.dataset.session);
  cards.set(id, new Card(each, id));
}
const receive = (message) => HANDLERS[message.type]?.(message);
const connection = new Connection("/ws/overview/", element("connection"), receive);
takeSnapshot(JSON.parse(element("cards-data").textContent));
setInterval(check, 1000);
