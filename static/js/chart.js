// The area chart of a session's score: a linear time axis, coloured by level, gaps left open.
import { describeMarks, drawMarks } from "./chart-marks.js";
import { axes, describePoint, describeTime, gradient, tooltip } from "./chart-style.js";
import { colour, onColoursChanged } from "./colours.js";
import { GAP_STEPS, label } from "./presentation.js";

/** The points with an empty one in every gap, so that no line is drawn across it. */
export function withGaps(points, step) {
  const result = [];
  for (const point of points) {
    const last = result.at(-1);
    if (last && point.time - last.x > step * GAP_STEPS) result.push({ x: last.x + step, y: null });
    result.push({ x: point.time, y: point.score, point });
  }
  return result;
}

export class ScoreChart {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.view = null;
    this.dirty = false;
    this.chosen = null;
    this.setFont();
    this.chart = new globalThis.Chart(canvas, {
      type: "line",
      data: { datasets: [this.area(), this.line([6, 6]), this.line([2, 4])] },
      options: {
        animation: false,
        parsing: false,
        normalized: true,
        responsive: true,
        maintainAspectRatio: false,
        interaction: { mode: "nearest", axis: "x", intersect: false },
        plugins: { legend: { display: false }, tooltip: this.tooltip() },
        scales: axes(),
      },
      plugins: [
        { id: "marks", beforeDatasetsDraw: (chart) => this.view && drawMarks(chart, this.view) },
      ],
    });
    document.addEventListener("visibilitychange", () => this.draw());
    onColoursChanged(() => this.recolour());
    canvas.addEventListener("keydown", (event) => this.takeKey(event));
    canvas.addEventListener("focus", () => this.choose(this.series.length - 1));
    canvas.addEventListener("blur", () => this.choose(null));
  }

  setFont() {
    const { font } = globalThis.Chart.defaults;
    const { fontFamily, fontSize } = getComputedStyle(document.documentElement);
    font.family = fontFamily;
    font.size = parseFloat(fontSize) * 0.75;
  }

  tooltip() {
    return tooltip((point) => describeMarks(point, this.view));
  }

  area() {
    const paint = (opacity) => ({ chart }) =>
      chart.chartArea ? gradient(chart.ctx, chart.chartArea, opacity) : undefined;
    return {
      data: [],
      fill: "origin",
      backgroundColor: paint((score) => 6 + 36 * score),
      borderColor: paint(() => 100),
      pointBackgroundColor: paint(() => 100),
      pointBorderColor: paint(() => 100),
      borderWidth: 3,
      pointRadius: ({ dataIndex, dataset }) => (dataIndex === dataset.data.length - 1 ? 5 : 0),
      pointHitRadius: 12,
      pointHoverRadius: 5,
      clip: 8,
      cubicInterpolationMode: "monotone",
    };
  }

  line(borderDash) {
    return {
      data: [],
      borderColor: () => colour("--level-low"),
      borderDash,
      borderWidth: 1.5,
      pointRadius: 0,
      pointHitRadius: 0,
    };
  }

  get series() {
    return this.view?.points ?? [];
  }

  /**
   * Shows a part of a session.
   * @param {object} view
   * @param {object[]} view.points oldest first
   * @param {number} view.start of the time axis
   * @param {number} view.end of the time axis
   * @param {number} view.step the usual interval between two points
   * @param {object} view.lines scores at which horizontal lines are drawn, or null
   * @param {object[]} view.anomalies newest first
   * @param {object[]} view.polls first votes and closings of polls, oldest first
   */
  show(view) {
    this.view = view;
    this.dirty = true;
    this.draw();
  }

  /** Empties the chart. */
  clear() {
    this.view = null;
    for (const dataset of this.chart.data.datasets) dataset.data = [];
    this.chart.update("none");
  }

  draw() {
    if (!this.dirty || document.hidden || this.series.length === 0) return;
    const { points, start, end, step, lines } = this.view;
    const across = (score) =>
      score == null ? [] : [start, end].map((time) => ({ x: time, y: score }));
    const [area, attention, alert] = this.chart.data.datasets;
    area.data = withGaps(points, step);
    attention.data = across(lines.attention);
    alert.data = across(lines.alert);
    Object.assign(this.chart.options.scales.x, { min: start, max: end });
    this.chart.update("none");
    this.dirty = false;
    if (this.chosen !== null) this.choose(points.findIndex(({ time }) => time >= this.chosen));
  }

  takeKey(event) {
    const last = this.series.length - 1;
    const index = this.series.findIndex(({ time }) => time >= this.chosen);
    const moves = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.choose(Math.min(last, Math.max(0, moves[event.key])));
  }

  /** Shows the tooltip of the point at `position`, for viewers without a mouse; null hides it. */
  choose(position) {
    const point = position === null ? undefined : this.series.at(position);
    this.chosen = point?.time ?? null;
    const index = this.chart.data.datasets[0].data.findIndex((item) => item.point === point && point);
    const active = index < 0 ? [] : [{ datasetIndex: 0, index }];
    this.chart.setActiveElements(active);
    this.chart.tooltip.setActiveElements(active, { x: 0, y: 0 });
    this.chart.update("none");
    this.describe(point ?? this.series.at(-1));
  }

  /** Describes the point for screen readers, which cannot read the canvas. */
  describe(point) {
    const { canvas } = this;
    // Times rather than indexes: a point's index changes with every tick, and would be read out again.
    canvas.setAttribute("aria-valuemin", this.series[0]?.time ?? 0);
    canvas.setAttribute("aria-valuemax", this.series.at(-1)?.time ?? 0);
    canvas.setAttribute("aria-valuenow", point?.time ?? 0);
    canvas.setAttribute("aria-valuetext", point ? this.words(point) : label("category"));
  }

  words(point) {
    const lines = [...describePoint(point), ...describeMarks(point, this.view)];
    return `${describeTime(point)}: ${lines.join(", ")}`;
  }

  recolour() {
    this.chart.options.scales = axes();
    this.chart.options.plugins.tooltip = this.tooltip();
    this.dirty = true;
    this.draw();
  }
}
