// The area chart of a session's score: true time on the x axis, coloured by level, holes left open.
import { colour, onColoursChanged } from "./colours.js";
import { anomalyLabel, categoryLabel, minute, percent, timeOfDay, whole } from "./format.js";

const MINUTE = 60_000;
const WINDOW = 5 * MINUTE;
const TICK = 5_000;
const LEVELS = [
  [0.0, "--level-very-low"],
  [0.2, "--level-low"],
  [0.4, "--level-moderate"],
  [0.6, "--level-high"],
  [0.8, "--level-very-high"],
];

const styles = () => getComputedStyle(document.documentElement);

/** A vertical gradient through the levels' colours; `opacity` gives the percentage at a score. */
function gradient(context, area, opacity) {
  const fill = context.createLinearGradient(0, area.bottom, 0, area.top);
  for (const [floor, name] of LEVELS) {
    const score = floor + 0.1;
    const shade = `color-mix(in srgb, ${colour(name)} ${opacity(score)}%, transparent)`;
    fill.addColorStop(score, shade);
  }
  return fill;
}

/** The points with an empty one in every hole, so that no line is drawn across it. */
export function withHoles(points) {
  const result = [];
  for (const point of points) {
    const last = result.at(-1);
    if (last && point.time - last.x > TICK * 1.5) result.push({ x: last.x + TICK, y: null });
    result.push({ x: point.time, y: point.score, point });
  }
  return result;
}

const tooltip = () => ({
  displayColors: false,
  padding: 12,
  cornerRadius: 10,
  caretPadding: 8,
  backgroundColor: colour("--text"),
  titleColor: colour("--panel"),
  bodyColor: colour("--panel"),
  filter: (item) => item.raw.point !== undefined,
  callbacks: {
    title: (items) => (items.length ? timeOfDay(items[0].raw.x) : ""),
    label: ({ raw }) => {
      const { score, category, signals } = raw.point;
      return [
        `${percent(score)} % · ${categoryLabel(category)}`,
        `${whole(signals.chat_msgs_per_min)} chat/min, ${whole(signals.reactions_per_min)} reactions/min`,
        `${whole(signals.active_users)} of ${whole(signals.total_users)} people active`,
        `${percent(signals.poll_participation)} % in the poll, ${percent(signals.user_leave_rate)} % left`,
      ];
    },
  },
});

function wholeMinutes(start, end) {
  const ticks = [];
  for (let time = Math.ceil(start / MINUTE) * MINUTE; time <= end; time += MINUTE) {
    ticks.push({ value: time });
  }
  return ticks;
}

function axes() {
  const grid = { color: colour("--edge"), drawTicks: false };
  const ticks = { color: colour("--muted"), padding: 8 };
  return {
    x: {
      type: "linear",
      grid: { display: false },
      border: { display: false },
      afterBuildTicks: (axis) => {
        axis.ticks = wholeMinutes(axis.min, axis.max);
      },
      ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 16, callback: (value) => minute(value) },
    },
    y: {
      min: 0,
      max: 1,
      grid,
      border: { display: false },
      ticks: { ...ticks, stepSize: 0.2, callback: (value) => `${percent(value)} %` },
    },
  };
}

/** Bands behind the curve for as long as anomalies lasted, each with its name where it begins. */
function drawAnomalies({ ctx, chartArea: { left, right, top, bottom }, scales: { x } }, anomalies) {
  const { size, family } = globalThis.Chart.defaults.font;
  const visible = anomalies.filter(({ began, ended }) => began <= x.max && (ended ?? x.max) >= x.min);
  ctx.save();
  for (const { severity, began, ended } of visible) {
    const start = Math.max(left, x.getPixelForValue(began));
    const end = Math.min(right, x.getPixelForValue(ended ?? x.max));
    const shade = colour(severity === "CRITICAL" ? "--critical" : "--warning");
    ctx.fillStyle = `color-mix(in srgb, ${shade} 16%, transparent)`;
    ctx.fillRect(start, top, Math.max(0, end - start), bottom - top);
    ctx.fillStyle = shade;
    if (began >= x.min) ctx.fillRect(start - 1, top, 2, bottom - top);
  }
  ctx.font = `600 ${size}px ${family}`;
  ctx.fillStyle = colour("--text");
  ctx.textBaseline = "top";
  const taken = [];
  for (const { type, began } of visible.filter((anomaly) => anomaly.began >= x.min)) {
    const name = anomalyLabel(type);
    const { width } = ctx.measureText(name);
    const line = x.getPixelForValue(began);
    const start = line + 8 + width < right ? line + 8 : line - 8 - width;
    // The newest come first; the name of an older one that is in their way stands in the list below.
    if (taken.some(([from, to]) => start < to && start + width > from)) continue;
    taken.push([start, start + width]);
    ctx.fillText(name, start, top + 4);
  }
  ctx.restore();
}

export class ScoreChart {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} line the score at which a dashed line is drawn
   */
  constructor(canvas, line) {
    this.line = line;
    this.points = [];
    this.anomalies = [];
    this.dirty = false;
    const { font } = globalThis.Chart.defaults;
    font.family = styles().fontFamily;
    font.size = parseFloat(styles().fontSize) * 0.75;
    this.chart = new globalThis.Chart(canvas, {
      type: "line",
      data: { datasets: [this.area(), this.threshold()] },
      options: {
        animation: false,
        parsing: false,
        normalized: true,
        responsive: true,
        maintainAspectRatio: false,
        interaction: { mode: "nearest", axis: "x", intersect: false },
        plugins: { legend: { display: false }, tooltip: tooltip() },
        scales: axes(),
      },
      plugins: [
        {
          id: "anomalies",
          beforeDatasetsDraw: (chart) => drawAnomalies(chart, this.anomalies),
        },
      ],
    });
    document.addEventListener("visibilitychange", () => this.draw());
    onColoursChanged(() => this.recolour());
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

  threshold() {
    return {
      data: [],
      borderColor: colour("--level-low"),
      borderDash: [6, 6],
      borderWidth: 1.5,
      pointRadius: 0,
      pointHitRadius: 0,
    };
  }

  /** Shows the last five minutes of `points`, oldest first, and the anomalies in them. */
  show(points, anomalies) {
    this.points = points;
    this.anomalies = anomalies;
    this.dirty = true;
    this.draw();
  }

  draw() {
    if (!this.dirty || document.hidden || this.points.length === 0) return;
    const end = this.points.at(-1).time;
    const start = end - WINDOW + TICK;
    this.chart.data.datasets[0].data = withHoles(this.points);
    this.chart.data.datasets[1].data = [
      { x: start, y: this.line },
      { x: end, y: this.line },
    ];
    Object.assign(this.chart.options.scales.x, { min: start, max: end });
    this.chart.update("none");
    this.dirty = false;
  }

  recolour() {
    this.chart.options.scales = axes();
    this.chart.options.plugins.tooltip = tooltip();
    this.chart.data.datasets[1].borderColor = colour("--level-low");
    this.dirty = true;
    this.draw();
  }
}
