// A session's page, updated by its socket.
import "./elements.js";
import { Acknowledging } from "./acknowledging.js";
import { Alerts, announce } from "./alerts.js";
import { ACKNOWLEDGED, BEGAN, WORSE } from "./anomalies.js";
import { Attention } from "./attention.js";
import { ScoreChart } from "./chart.js";
import { Connection } from "./connection.js";
import { serverNow, setClock } from "./clock.js";
import { showContributions } from "./contributions.js";
import { FORMATS, setText, showPause, whole } from "./format.js";
import { History } from "./history.js";
import { mergeMoments } from "./polls.js";
import { closeLikeMenu } from "./preferences.js";
import { TICK, label } from "./presentation.js";
import { Ranges } from "./ranges.js";
import { SHORTEST, Series, percents } from "./series.js";
import { showEnd, showState } from "./session-state.js";
import { showSignalHistory } from "./signal-history.js";

// How many points may follow the downsampled history before it is loaded again.
const MAX_POINTS_AFTER_HISTORY = 240;

const element = (id) => document.getElementById(id);
const first = JSON.parse(element("snapshot").textContent);
const chart = new ScoreChart(element("chart"));
const title = document.title;
const series = new Series();
let { lines, started } = first;
let polls = [];

const attention = new Attention(first.title);
const alerts = new Alerts(serverNow, tell);
const history = new History(`/sessions/${first.session}/history/`, show);
const ranges = new Ranges(element("ranges"), changeRange);

function tell(anomaly, news) {
  // If the focus moves from the button to its result, screen readers read that anyway.
  if (news !== ACKNOWLEDGED || !alerts.hasFocus(anomaly)) announce(anomaly, "", news);
  if (news === BEGAN || news === WORSE) attention.call(anomaly);
}

function show() {
  const point = series.last;
  showState(connection.state, point?.time);
  showTitle();
  if (!point) return;
  element("score").dataset.category = point.category;
  setText(element("score-value"), whole(point.percent));
  setText(element("score-category"), label("category", point.category));
  element("score-trend").show(percents(series.recent));
  for (const figure of document.querySelectorAll("[data-signal]")) {
    const { signal, format } = figure.dataset;
    setText(figure, FORMATS[format](point.signals[signal]));
  }
  if (point.contributions) showContributions(element("contributions"), point);
  alerts.showScore(point.percent / 100);
  showChart();
  if (!document.hidden) showSignalHistory(series.recent, series.view(SHORTEST));
}

function showTitle() {
  const score = series.last ? `${whole(series.last.percent)} % ` : "";
  document.title = `${alerts.open.length ? "\u26a0 " : ""}${score}${title}`;
}

function showChart() {
  const range = ranges.current;
  const isThere = range === SHORTEST || history.has(range);
  element("chart-message").hidden = isThere;
  element("chart-panel").ariaBusy = String(!isThere);
  if (!isThere) {
    const words = history.failed ? "This range could not be loaded; retrying." : "Loading …";
    setText(element("chart-message"), words);
    chart.clear();
    element("statistics").show([]);
    return;
  }
  const view = series.view(range, history);
  element("statistics").show(view.points);
  chart.show({ ...view, lines, polls, anomalies: alerts.all });
}

function changeRange() {
  if (ranges.current !== SHORTEST) history.load(ranges.current);
  show();
}

/** Reloads the history when many points have followed it, or after a gap. */
function reloadHistory(hasGap) {
  if (ranges.current === SHORTEST || history.isLoading) return;
  if (hasGap || series.since(history.end).length > MAX_POINTS_AFTER_HISTORY) history.load(ranges.current);
}

function setEnd(time) {
  connection.ended = time !== null;
  showEnd(started, time);
}

function takeSnapshot(snapshot, aloud = true) {
  const { points, anomalies, ended, pause, now } = snapshot;
  const last = series.last?.time;
  setClock(now);
  ({ lines, started } = snapshot);
  series.merge(points);
  polls = mergeMoments(polls, snapshot.polls);
  alerts.take(anomalies, { whole: true, aloud });
  setEnd(ended);
  showPause(element("pause"), ended === null ? pause : null);
  if (series.last) connection.received(Math.max(0, now - series.last.time));
  reloadHistory(points.length > 0 && last !== undefined && points[0].time > last + TICK);
  show();
}

function takePoints({ points, now }) {
  const last = series.last?.time;
  const ours = points.filter(({ session }) => session === first.session);
  if (!ours.length) return;
  setClock(now);
  series.merge(ours);
  setEnd(null);
  if (ours.at(-1).time === series.last.time) showPause(element("pause"), ours.at(-1).pause);
  connection.received(Math.max(0, now - series.last.time));
  if (last !== undefined && ours[0].time > last + TICK) connection.requestSnapshot();
  reloadHistory(false);
  show();
}

function takeAnomalies({ anomalies, now }) {
  setClock(now);
  alerts.take(anomalies.filter(({ session }) => session === first.session));
  show();
}

function takePolls({ polls: more }) {
  polls = mergeMoments(polls, more.filter(({ session }) => session === first.session));
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
  snapshot: (message) => {
    // The notice that the scores were locked when the page was rendered.
    element("locked")?.remove();
    takeSnapshot(message);
  },
  points: takePoints,
  anomalies: takeAnomalies,
  polls: takePolls,
  ended: takeEnd,
};

const receive = (message) => HANDLERS[message.type]?.(message);

const connection = new Connection(`/ws/sessions/${first.session}/`, element("connection"), receive);
takeSnapshot(first, false);
changeRange();
new Acknowledging(alerts);
closeLikeMenu(element("preferences"));
setInterval(() => {
  showState(connection.state, series.last?.time);
  if (!document.hidden) alerts.show();
}, 1000);
document.addEventListener("visibilitychange", () => document.hidden || show());
