// A session's page, kept current by its socket.
import { Alerts } from "./alerts.js";
import { ScoreChart } from "./chart.js";
import { Connection } from "./connection.js";
import { SIGNAL_FORMATS, categoryLabel, percent, setText, showPause } from "./format.js";

const POINTS = 60;
const TICK = 5_000;

const element = (id) => document.getElementById(id);
const first = JSON.parse(element("snapshot").textContent);
const chart = new ScoreChart(element("chart"), Number(element("session-script").dataset.line));
const title = document.title;
let points = [];
// What to add to this page's clock to have the server's, whatever this computer's is.
let clockOffset = 0;

const alerts = new Alerts(() => performance.now() + clockOffset);

function setClock(now) {
  clockOffset = now - performance.now();
}

function show() {
  const point = points.at(-1);
  showTitle();
  if (!point) return;
  element("chart-message").hidden = true;
  element("score").dataset.category = point.category;
  setText(element("score-value"), percent(point.score));
  setText(element("score-category"), categoryLabel(point.category));
  for (const [name, format] of Object.entries(SIGNAL_FORMATS)) {
    setText(document.querySelector(`[data-signal="${name}"]`), format(point.signals[name]));
  }
  showStatistics(points.map(({ score }) => score));
  alerts.showScore(point.score);
  chart.show(points, alerts.all);
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

function takeSnapshot({ points: more, anomalies, ended, pause, now }, aloud = true) {
  setClock(now);
  merge(more);
  alerts.take(anomalies, { whole: true, aloud });
  connection.ended = ended !== null;
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
  connection.ended = false;
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
  connection.ended = true;
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
setInterval(() => document.hidden || alerts.show(), 1000);
