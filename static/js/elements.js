// Custom elements for what only a browser can show: running times, and what is computed from scores. They are
// complete at first paint; after that, the page's scripts update them.
import { serverNow } from "./clock.js";
import { duration, percent, setText, whole } from "./format.js";
import { ATTENTION, SPARKLINE_POINTS } from "./presentation.js";
import { percents, statistics } from "./series.js";
import { area, curve, trend } from "./wall.js";

const UPDATE_INTERVAL = 1_000;
const TREND_LABELS = { RISING: "Rising", STEADY: "Steady", FALLING: "Falling" };
const ARROW = `<svg viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="M2 8h12M9 3l5 5-5 5"></path></svg>`;
const SPARKLINE = `<svg class="sparkline" viewBox="0 0 ${SPARKLINE_POINTS - 1} 100" preserveAspectRatio="none"
  aria-hidden="true"><path class="area"></path><path class="threshold"
  d="M0 ${100 - 100 * ATTENTION}h${SPARKLINE_POINTS - 1}"></path><path class="curve"></path></svg>`;
const STATISTICS = `<dl class="statistics">
  <div><dt>Average</dt><dd><span id="statistics-average"></span> %</dd></div>
  <div><dt>Range</dt><dd><span id="statistics-range"></span> %</dd></div>
  <div><dt>Points</dt><dd id="statistics-points"></dd></div>
</dl>`;

/** The points of a snapshot embedded in the page. */
const pointsOfPage = (id) => JSON.parse(document.getElementById(id).textContent).points;

/** How long something took (`length`, in milliseconds), or has been running (`since`, by the server's clock). */
class TimeSpan extends HTMLElement {
  static observedAttributes = ["length", "since"];

  attributeChangedCallback() {
    this.show();
  }

  show() {
    const since = this.getAttribute("since");
    const length = since === null ? Number(this.getAttribute("length")) : serverNow() - Number(since);
    const words = duration(length);
    if (!this.words) this.replaceChildren((this.words = new Text()));
    if (this.words.data !== words) this.words.data = words;
  }
}

/** An element that shows the scores of its attribute, until a script calls `show` with others. */
class Scores extends HTMLElement {
  static observedAttributes = ["scores", "points"];

  attributeChangedCallback(name, _, value) {
    this.show(name === "scores" ? JSON.parse(value) : this.take(pointsOfPage(value)));
  }

  /** Converts points to the argument of `show`. */
  take(points) {
    return percents(points);
  }

  /** Sets the markup once; later only its contents change. */
  build(html) {
    if (this.built) return;
    this.built = true;
    this.innerHTML = html;
  }
}

/** The trend of a score within a minute: an arrow and a word. */
class ScoreTrend extends Scores {
  /** @param {(number|null)[]} scores whole percentages, one per tick, oldest first */
  show(scores) {
    this.build(`${ARROW}<span data-field="trend-label"></span>`);
    const direction = trend(scores) ?? "";
    if (this.dataset.trend !== direction) this.dataset.trend = direction;
    setText(this.lastElementChild, TREND_LABELS[direction] ?? "");
  }
}

/** The sparkline of a card. */
class ScoreCurve extends Scores {
  /** @param {(number|null)[]} scores as in ScoreTrend */
  show(scores) {
    this.build(SPARKLINE);
    this.querySelector(".area").setAttribute("d", area(scores));
    this.querySelector(".curve").setAttribute("d", curve(scores));
  }
}

/** Average, range and number of scores. */
class ScoreStatistics extends Scores {
  take(points) {
    return points;
  }

  /** @param {object[]} points */
  show(points) {
    this.build(STATISTICS);
    const { count, average, lowest, highest } = statistics(points);
    const [averageField, rangeField, pointsField] = this.querySelectorAll("span, dd[id]");
    setText(averageField, percent(average));
    setText(rangeField, count ? `${percent(lowest)}–${percent(highest)}` : "–");
    setText(pointsField, whole(count));
  }
}

customElements.define("time-span", TimeSpan);
customElements.define("score-trend", ScoreTrend);
customElements.define("score-curve", ScoreCurve);
customElements.define("score-statistics", ScoreStatistics);
setInterval(() => {
  for (const span of document.querySelectorAll("time-span[since]")) span.show();
}, UPDATE_INTERVAL);
