// A session's page, kept current by its socket.
import { ScoreChart } from "./chart.js";
import { Connection } from "./connection.js";
import { SIGNAL_FORMATS, categoryLabel, percent, setText } from "./format.js";

const POINTS = 60;
const TICK = 5_000;

const element = (id) => document.getElementById(id);
const first = JSON.parse(element("snapshot").textContent);
const chart = new ScoreChart(element("chart"), Number(element("session-script").dataset.line));
const title = document.title;
let points = [];

function show() {
  const point = points.at(-1);
  if (!point) return;
  element("chart-message").hidden = true;
  element("score").dataset.category = point.category;
  setText(element("score-value"), percent(point.score));
  setText(element("score-category"), categoryLabel(point.category));
  for (const [name, format] of Object.entries(SIGNAL_FORMATS)) {
    setText(document.querySelector(`[data-signal="${name}"]`), format(point.signals[name]));
  }
  showStatistics(points.map(({ score }) => score));
  document.title = `${percent(point.score)} % ${title}`;
  chart.show(points);
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

function takeSnapshot({ points: more, ended, now }) {
  merge(more);
  connection.ended = ended !== null;
  if (points.length) connection.heard(Math.max(0, now - points.at(-1).time));
  show();
}

function takePoints({ points: more, now }) {
  const last = points.at(-1)?.time;
  const ours = more.filter(({ session }) => session === first.session);
  if (!ours.length) return;
  merge(ours);
  connection.ended = false;
  connection.heard(Math.max(0, now - points.at(-1).time));
  if (last !== undefined && ours[0].time > last + TICK) connection.requestSnapshot();
  show();
}

function receive(message) {
  if (message.type === "snapshot") takeSnapshot(message);
  else if (message.type === "points") takePoints(message);
  else if (message.type === "ended") {
    connection.ended = message.sessions.some(({ session }) => session === first.session);
    connection.show();
  }
}

const connection = new Connection(`/ws/sessions/${first.session}/`, element("connection"), receive);
takeSnapshot(first);
