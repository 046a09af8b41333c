// A session's page, kept current by its socket.
import { Acknowledging } from "./acknowledging.js";
import { Alerts, announce } from "./alerts.js";
import { ACKNOWLEDGED, BEGAN, WORSE } from "./anomalies.js";
import { Attention } from "./attention.js";
import { ScoreChart } from "./chart.js";
import { Connection } from "./connection.js";
import { showContributions } from "./contributions.js";
import { SIGNAL_FORMATS, categoryLabel, percent, setText, showPause, trendLabel, whole } from "./format.js";
import { History } from "./history.js";
import { mergeMoments } from "./polls.js";
import { closeLikeMenu } from "./preferences.js";
import { Ranges, SHORTEST } from "./ranges.js";
import { Series, TICK, percents, statistics } from "./series.js";
import { showEnd, showState } from "./session-state.js";
import { showSignalHistory } from "./signal-history.js";
import { trend } from "./wall.js";

// How many points may follow what the server has thinned out, before it is asked again.
const MOST_AFTER_HISTORY = 240;

const element = (id) => document.getElementById(id);
const first = JSON.parse(element("snapshot").textContent);
const chart = new ScoreChart(element("chart"));
const title = document.title;
const series = new Series();
let { lines, started } = first;
let polls = [];
// What to add to this page's clock to have the server's, whatever this computer's is.
let clockOffset = 0;

const attention = new Attention(first.title);
const alerts = new Alerts(() => performance.now() + clockOffset, tell);
const history = new History(`/sessions/${first.session}/history/`, show);
const ranges = new Ranges(element("ranges"), changeRange);

function tell(anomaly, news) {
  // Where the focus goes from the button to what it has done, screen readers read that.
  if (news !== ACKNOWLEDGED || !alerts.hasFocus(anomaly)) announce(anomaly, "", news);
  if (news === BEGAN || news === WORSE) attention.call(anomaly);
}

function setClock(now) {
  clockOffset = now - performance.now();
}

function show() {
  const point = series.last;
  showState(connection.state, point?.time);
  showTitle();
  if (!point) return;
  element("score").dataset.category = point.category;
  setText(element("score-value"), percent(point.score));
  setText(element("score-category"), categoryLabel(point.category));
  showTrend(trend(percents(series.recent)));
  for (const [name, format] of Object.entries(SIGNAL_FORMATS)) {
    setText(document.querySelector(`[data-signal="${name}"]`), format(point.signals[name]));
  }
  if (point.contributions) {
    showContributions(element("contributions"), point.contributions, point.score);
  }
  alerts.showScore(point.score);
  showChart();
  if (!document.hidden) showSignalHistory(series.recent, series.view(SHORTEST));
}

function showTrend(direction) {
  const place = element("score-trend");
  place.dataset.trend = direction ?? "";
  setText(place.querySelector('[data-field="trend-label"]'), trendLabel(direction));
}

function showTitle() {
  const score = series.last ? `${percent(series.last.score)} % ` : "";
  document.title = `${alerts.open.length ? "\u26a0 " : ""}${score}${title}`;
}

function showChart() {
  const range = ranges.current;
  const isThere = range === SHORTEST || history.has(range);
  element("chart-message").hidden = isThere;
  element("chart-panel").ariaBusy = String(!isThere);
  if (!isThere) {
    const words = history.failed ? "This range could not be loaded; it is tried again." : "Loading …";
    setText(element("chart-message"), words);
    chart.clear();
    showStatistics(statistics([]));
    return;
  }
  const view = series.view(range, history);
  showStatistics(statistics(view.points));
  chart.show({ ...view, lines, polls, anomalies: alerts.all });
}

function showStatistics({ count, average, lowest, highest }) {
  setText(element("statistics-average"), percent(average));
  setText(element("statistics-range"), count ? `${percent(lowest)}–${percent(highest)}` : "–");
  setText(element("statistics-points"), whole(count));
}

function changeRange() {
  if (ranges.current !== SHORTEST) history.load(ranges.current);
  show();
}

/** Asks for the history again when the points after it are many, or begin with a hole. */
function renewHistory(hasHole) {
  if (ranges.current === SHORTEST || history.isLoading) return;
  if (hasHole || series.since(history.end).length > MOST_AFTER_HISTORY) history.load(ranges.current);
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
  if (series.last) connection.heard(Math.max(0, now - series.last.time));
  renewHistory(points.length > 0 && last !== undefined && points[0].time > last + TICK);
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
  connection.heard(Math.max(0, now - series.last.time));
  if (last !== undefined && ours[0].time > last + TICK) connection.requestSnapshot();
  renewHistory(false);
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
    // That the scores are locked, which they were when the page came.
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
