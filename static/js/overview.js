// The overview, kept current by its socket: cards come and go with their sessions.
import { announce } from "./alerts.js";
import { Connection } from "./connection.js";
import {
  anomalyLabel,
  categoryLabel,
  duration,
  percent,
  setText,
  severityLabel,
  showPause,
  whole,
} from "./format.js";

const STALE_AFTER = 15_000;
// A burst of new sessions is answered with one snapshot.
const PATIENCE = 500;
// How often a card that falls behind the others is asked after: its session may be gone.
const ASK_AGAIN = 30_000;

const list = document.getElementById("cards");
const template = document.getElementById("card-template");
const cards = new Map();
let requested = null;
let askedAt = 0;
// What to add to this page's clock to have the server's, whatever this computer's is.
let clockOffset = 0;

function makeCard(id) {
  const item = template.content.firstElementChild.cloneNode(true);
  const card = item.querySelector(".card");
  card.dataset.session = id;
  card.href = `/sessions/${id}/`;
  return { item, card, heardAt: null, time: 0, anomaly: null };
}

function adopt(item) {
  const card = item.querySelector(".card");
  cards.set(Number(card.dataset.session), { item, card, heardAt: null, time: 0, anomaly: null });
}

const field = (entry, name) => entry.card.querySelector(`[data-field="${name}"]`);

function showPoint(entry, point, age = 0) {
  if (point.time < entry.time) return;
  entry.time = point.time;
  entry.heardAt = performance.now() - age;
  entry.card.dataset.category = point.category;
  setText(field(entry, "score"), percent(point.score));
  setText(field(entry, "category"), categoryLabel(point.category));
  setText(field(entry, "people"), whole(point.signals.active_users));
  setText(field(entry, "chat"), whole(point.signals.chat_msgs_per_min));
  entry.card.querySelector(".value").setAttribute("width", percent(point.score));
}

/** Shows the open anomaly of a session, or that there is none. */
function showAnomaly(entry, anomaly) {
  entry.anomaly = anomaly;
  entry.card.dataset.severity = anomaly?.severity ?? "";
  const alert = field(entry, "alert");
  alert.hidden = anomaly === null;
  if (anomaly === null) return;
  setText(field(entry, "severity"), severityLabel(anomaly.severity));
  setText(field(entry, "type"), anomalyLabel(anomaly.type));
  showAlertAge(entry);
}

function showAlertAge(entry) {
  if (entry.anomaly === null) return;
  const age = performance.now() + clockOffset - entry.anomaly.began;
  setText(field(entry, "alert-age"), `${duration(age)} ago`);
}

/** Takes a change; an end of another anomaly than the one that is shown says nothing. */
function takeAnomaly(entry, anomaly) {
  const known = entry.anomaly;
  const isSame = known?.id === anomaly.id;
  if (anomaly.ended !== null && !isSame) return;
  const isNews =
    !isSame ||
    anomaly.ended !== null ||
    known.severity !== anomaly.severity ||
    known.type !== anomaly.type;
  if (isNews) announce(anomaly, field(entry, "title").textContent);
  showAnomaly(entry, anomaly.ended === null ? anomaly : null);
}

function showAge(entry) {
  showAlertAge(entry);
  if (entry.heardAt === null) return;
  const age = performance.now() - entry.heardAt;
  entry.card.classList.toggle("stale", age > STALE_AFTER);
  const seconds = Math.round(age / 1000);
  setText(field(entry, "age"), age > STALE_AFTER ? `${seconds} s ago` : "now");
}

function showCount() {
  document.getElementById("empty").hidden = cards.size > 0;
  const text = `${cards.size} session${cards.size === 1 ? "" : "s"} live now`;
  const alerts = [...cards.values()].filter(({ anomaly }) => anomaly !== null).length;
  const warning = alerts ? `, ${alerts} with an alert` : "";
  setText(document.getElementById("summary"), text + warning);
}

function takeSnapshot({ cards: current, now }) {
  clockOffset = now - performance.now();
  const wanted = new Set(current.map(({ session }) => session));
  for (const id of [...cards.keys()]) if (!wanted.has(id)) remove(id);
  current.forEach((data, position) => {
    if (!cards.has(data.session)) cards.set(data.session, makeCard(data.session));
    const entry = cards.get(data.session);
    setText(field(entry, "title"), data.title);
    setText(field(entry, "event"), data.event_title);
    showAnomaly(entry, data.anomaly);
    showPause(field(entry, "pause"), data.pause);
    if (data.point) showPoint(entry, data.point, Math.max(0, now - data.point.time));
    if (list.children[position] !== entry.item) {
      list.insertBefore(entry.item, list.children[position] ?? null);
    }
  });
  showCount();
  tick();
}

function remove(id) {
  cards.get(id)?.item.remove();
  cards.delete(id);
}

function takePoints({ points, now }) {
  clockOffset = now - performance.now();
  for (const point of points) {
    const entry = cards.get(point.session);
    if (!entry) {
      requestSoon();
      continue;
    }
    if (point.time >= entry.time) showPause(field(entry, "pause"), point.pause);
    showPoint(entry, point, Math.max(0, now - point.time));
  }
  tick();
}

function takeAnomalies({ anomalies, now }) {
  clockOffset = now - performance.now();
  for (const anomaly of anomalies) {
    const entry = cards.get(anomaly.session);
    if (entry) takeAnomaly(entry, anomaly);
    else requestSoon();
  }
  showCount();
}

function requestSoon() {
  requested ??= setTimeout(() => {
    requested = null;
    connection.requestSnapshot();
  }, PATIENCE);
}

function receive(message) {
  if (message.type === "snapshot") takeSnapshot(message);
  else if (message.type === "points") takePoints(message);
  else if (message.type === "anomalies") takeAnomalies(message);
  else if (message.type === "ended") {
    for (const { session } of message.sessions) remove(session);
    showCount();
  }
}

/** The page is as current as its freshest card; without cards nothing can be stale. */
function tick() {
  const now = performance.now();
  const ages = [...cards.values()]
    .filter(({ heardAt }) => heardAt !== null)
    .map(({ heardAt }) => now - heardAt);
  const freshest = ages.length ? Math.min(...ages) : 0;
  connection.heard(freshest);
  if (ages.some((age) => age > STALE_AFTER && freshest < STALE_AFTER)) askAfterStragglers(now);
  if (!document.hidden) cards.forEach(showAge);
}

function askAfterStragglers(now) {
  if (now - askedAt < ASK_AGAIN) return;
  askedAt = now;
  connection.requestSnapshot();
}

for (const item of list.children) adopt(item);
const connection = new Connection("/ws/overview/", document.getElementById("connection"), receive);
takeSnapshot(JSON.parse(document.getElementById("cards-data").textContent));
setInterval(tick, 1000);
