// The overview, kept current by its socket: cards come and go with their sessions, those in trouble first.
import { announce } from "./alerts.js";
import { Card, isStale } from "./card.js";
import { Connection } from "./connection.js";
import { Filter } from "./filter.js";
import { setText } from "./format.js";
import { FullScreen } from "./fullscreen.js";
import { inWallOrder } from "./wall.js";

// A burst of new sessions is answered with one snapshot.
const PATIENCE = 500;
// How often a card that falls behind the others is asked after: its session may be gone.
const ASK_AGAIN = 30_000;

const element = (id) => document.getElementById(id);
const list = element("cards");
const template = element("card-template");
// In the order in which they stand when none is in trouble.
let cards = new Map();
let requested = null;
let askedAt = 0;
let frame = null;
// The elements of the cards, in the order in which they stand.
let placed = [];
// What to add to this page's clock to have the server's, whatever this computer's is.
let clockOffset = 0;

const filter = new Filter(element("filter"), () => draw());
const fullScreen = new FullScreen(element("wall-switch"), list);

function setClock(now) {
  clockOffset = now - performance.now();
}

function newCard(id) {
  return new Card(template.content.firstElementChild.cloneNode(true), id);
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
    else requestSoon();
  }
  check();
}

function takeAnomalies({ anomalies, now }) {
  setClock(now);
  for (const anomaly of anomalies) {
    const card = cards.get(anomaly.session);
    if (!card) {
      requestSoon();
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
    // That the scores are locked, which they were when the page came.
    element("locked")?.remove();
    takeSnapshot(message);
  },
  points: takePoints,
  anomalies: takeAnomalies,
  ended: takeEnds,
};

function requestSoon() {
  requested ??= setTimeout(() => {
    requested = null;
    connection.requestSnapshot();
  }, PATIENCE);
}

/** The page is as current as its freshest card; without cards nothing can be stale. */
function check() {
  const ages = [...cards.values()].map(({ age }) => age).filter((age) => age !== null);
  connection.heard(ages.length ? Math.min(...ages) : 0);
  const stale = ages.filter(isStale).length;
  if (stale && stale < ages.length) askAfterStragglers();
  drawSoon();
}

function askAfterStragglers() {
  const now = performance.now();
  if (now - askedAt < ASK_AGAIN) return;
  askedAt = now;
  connection.requestSnapshot();
}

/** Once per frame, whatever has come until then; a hidden tab has no frames. */
function drawSoon() {
  frame ??= requestAnimationFrame(draw);
}

function draw() {
  cancelAnimationFrame(frame);
  frame = null;
  const now = performance.now() + clockOffset;
  const shown = inWallOrder(cards.values());
  const choice = filter.current;
  for (const card of shown) {
    card.judge(filter, choice);
    card.draw(now);
  }
  place(shown.map((card) => card.element));
  drawCounts(shown);
  fullScreen.arrange();
}

/** Moves only what is out of its place; a card that somebody is on stays focused. */
function place(elements) {
  if (elements.length === placed.length && elements.every((each, number) => each === placed[number])) return;
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
  const warning = alerts ? `, ${alerts} with an alert` : "";
  setText(element("summary"), `${shown.length} session${shown.length === 1 ? "" : "s"} live now${warning}`);
  const visible = shown.filter((card) => !card.element.hidden).length;
  list.dataset.shown = visible;
  setText(element("shown"), visible < shown.length ? `${visible} of ${shown.length} shown` : "");
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
