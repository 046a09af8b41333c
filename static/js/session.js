// A session's page, kept current by its socket.
import { Alerts } from "./alerts.js";
import { ScoreChart } from "./chart.js";
import { Connection } from "./connection.js";
import { showContributions } from "./contributions.js";
import { SIGNAL_FORMATS, categoryLabel, percent, setText, showPause } from "./format.js";
import { showSignalHistory } from "./signal-history.js";
import { showEnd, showState } from "./session-state.js";

const MINUTE = 60_000;
const WINDOW = 5 * MINUTE;
const TICK = 5_000;
const POINTS = WINDOW / TICK;

const element = (id) => document.getElementById(id);
const first = JSON.parse(element("snapshot").textContent);
const chart = new ScoreChart(element("chart"));
const title = document.title;
let points = [];
let { lines, started } = first;
// What to add to this page's clock to have the server's, whatever this computer's is.
let clockOffset = 0;

const alerts = new Alerts(() => performance.now() + clockOffset);

function setClock(now) {
  clockOffset = now - performance.now();
}

function show() {
  const point = points.at(-1);
  showState(connection.state, point?.time);
  showTitle();
  if (!point) return;
  element("chart-message").hidden = true;
  element("score").dataset.category = point.category;
  setText(element("score-value"), percent(point.score));
  setText(element("score-category"), categoryLabel(point.category));
  for (const [name, format] of Object.entries(SIGNAL_FORMATS)) {
    setText(document.querySelector(`[data-signal="${name}"]`), format(point.signals[name]));
  }
  if (point.contributions) {
    showContributions(element("contributions"), point.contributions, point.score);
  }
  showStatistics(points.map(({ score }) => score));
  alerts.showScore(point.score);
  const frame = { start: point.time - WINDOW + TICK, end: point.time, step: TICK };
  chart.show({ ...frame, points, lines, anomalies: alerts.all });
  if (!document.hidden) showSignalHistory(points, frame);
}

function showTitle() {
  const score = points.length ? `${percent(points.at(-1).score)} % ` : "";
  document.title = `${alerts.open.length ? "\u26a0 " : ""}${score}${title}`;
}

function showStatistics(scores) {
  const average = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  setText(element("statistics-average"), percent(average));
  const range = `${percent(Math.min(...scores))}–${percent(Math.max(...scores))}`;
  setText(element("statistics-range"), range);
  setText(element("statistics-points"), String(scores.length));
}

/** Adds what is new, in the order of time, whatever order it came in. */
function merge(more) {
  const byTime = new Map([...points, ...more].map((point) => [point.time, point]));
  points = [...byTime.values()].sort((one, other) => one.time - other.time).slice(-POINTS);
}

function setEnd(time) {
  connection.ended = time !== null;
  showEnd(started, time);
}

function takeSnapshot(snapshot, aloud = true) {
  const { points: more, anomalies, ended, pause, now } = snapshot;
  setClock(now);
  ({ lines, started } = snapshot);
  merge(more);
  alerts.take(anomalies, { whole: true, aloud });
  setEnd(ended);
  showPause(element("pause"), ended === null ? pause : null);
  if (points.length) connection.heard(Math.max(0, now - points.at(-1).time));
  show();
}

function takePoints({ points: more, now }) {
  const last = points.at(-1)?.time;
  const ours = more.filter(({ session }) => session === first.session);
  if (!ours.length) return;
  setClock(now);
  merge(ours);
  setEnd(null);
  if (ours.at(-1).time === points.at(-1).time) showPause(element("pause"), ours.at(-1).pause);
  connection.heard(Math.max(0, now - points.at(-1).time));
  if (last !== undefined && ours[0].time > last + TICK) connection.requestSnapshot();
  show();
}

function takeAnomalies({ anomalies, now }) {
  setClock(now);
  alerts.take(anomalies.filter(({ session }) => session === first.session));
  show();
}

function takeEnd({ sessions }) {
  const end = sessions.find(({ session }) => session === first.session);
  if (!end) return;
  setEnd(end.time);
  connection.show();
  showPause(element("pause"), null);
  alerts.endAll(end.time);
  show();
}

const HANDLERS = {
  snapshot: takeSnapshot,
  points: takePoints,
  anomalies: takeAnomalies,
  ended: takeEnd,
};

const receive = (message) => HANDLERS[message.type]?.(message);

const connection = new Connection(`/ws/sessions/${first.session}/`, element("connection"), receive);
takeSnapshot(first, false);
setInterval(() => {
  showState(connection.state, points.at(-1)?.time);
  if (!document.hidden) alerts.show();
}, 1000);
document.addEventListener("visibilitychange", () => document.hidden || show());
