// The area chart of a session's score: true time on the x axis, coloured by level, holes left open.
import { describeMarks, drawMarks } from "./chart-marks.js";
import { axes, describePoint, describeTime, gradient, tooltip } from "./chart-style.js";
import { colour, onColoursChanged } from "./colours.js";
import { GAP_STEPS, label } from "./presentation.js";

/** The points with an empty one in every hole, so that no line is drawn across it. */
export function withHoles(points, step) {
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
   * @param {number} view.step the usual distance between two points
   * @param {object} view.lines scores at which lines are drawn, or null
   * @param {object[]} view.anomalies newest first
   * @param {object[]} view.polls their first votes and closings, oldest first
   */
  show(view) {
    this.view = view;
    this.dirty = true;
    this.draw();
  }

  /** Shows nothing. */
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
    area.data = withHoles(points, step);
    attention.data = across(lines.attention);
    alert.data = across(lines.alert);
    Object.assign(this.chart.options.scales.x, { min: start, max: end });
    this.chart.update("none");
    this.dirty = false;
    if (this.chosen !== null) this.choose(points.findIndex(({ time }) => time >= this.chosen));
  }

  takeKey(event) {
    const last = this.series.length - 1;
    const place = this.series.findIndex(({ time }) => time >= this.chosen);
    const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: last };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.choose(Math.min(last, Math.max(0, moves[event.key])));
  }

  /** Shows the tooltip of a point, for those who have no mouse; null hides it. */
  choose(place) {
    const point = place === null ? undefined : this.series.at(place);
    this.chosen = point?.time ?? null;
    const index = this.chart.data.datasets[0].data.findIndex((item) => item.point === point && point);
    const active = index < 0 ? [] : [{ datasetIndex: 0, index }];
    this.chart.setActiveElements(active);
    this.chart.tooltip.setActiveElements(active, { x: 0, y: 0 });
    this.chart.update("none");
    this.describe(point ?? this.series.at(-1));
  }

  /** Says the point to screen readers, of which the canvas shows nothing. */
  describe(point) {
    const { canvas } = this;
    // Times and not places: those of a point change with every tick, and would be read out again.
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
