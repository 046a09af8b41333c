// The marks behind the curve of a session's chart: anomalies as bands, polls as lines.
import { colour } from "./colours.js";
import { describeMoment, momentLabel } from "./polls.js";
import { label } from "./presentation.js";

const GAP = 8;

/** Labels beside vertical lines, in rows, drawn last; one that would cover another is left out. */
class Names {
  constructor({ ctx, chartArea }) {
    this.context = ctx;
    this.area = chartArea;
    this.placed = [];
    const { size, family } = globalThis.Chart.defaults.font;
    ctx.font = `600 ${size}px ${family}`;
    this.height = size * 1.5;
  }

  /** Puts a label to the right of `x`, or to its left if there is no room; row 0 is the top. */
  place(name, x, row) {
    const { width } = this.context.measureText(name);
    const fits = x + GAP + width < this.area.right;
    const start = fits ? x + GAP : x - GAP - width;
    const covers = (other) => other.row === row && start < other.end && start + width > other.start;
    if (!this.placed.some(covers)) this.placed.push({ name, row, start, end: start + width });
  }

  draw() {
    const { context } = this;
    // An outline in the panel's colour keeps the letters legible over the marks.
    Object.assign(context, { textBaseline: "top", lineJoin: "round", lineWidth: 4 });
    context.strokeStyle = colour("--panel");
    context.fillStyle = colour("--text");
    for (const { name, row, start } of this.placed) {
      const top = this.area.top + 4 + row * this.height;
      context.strokeText(name, start, top);
      context.fillText(name, start, top);
    }
  }
}

/** A band over the time each anomaly lasted, labelled where it begins; newest first. */
function drawAnomalies({ ctx, chartArea: { left, right, top, bottom }, scales: { x } }, names, anomalies) {
  const visible = anomalies.filter(({ began, ended }) => began <= x.max && (ended ?? x.max) >= x.min);
  for (const { severity, began, ended } of visible) {
    const start = Math.max(left, x.getPixelForValue(began));
    const end = Math.min(right, x.getPixelForValue(ended ?? x.max));
    const shade = colour(severity === "CRITICAL" ? "--critical" : "--warning");
    ctx.fillStyle = `color-mix(in srgb, ${shade} 16%, transparent)`;
    ctx.fillRect(start, top, Math.max(0, end - start), bottom - top);
    ctx.fillStyle = shade;
    if (began >= x.min) ctx.fillRect(start - 1, top, 2, bottom - top);
  }
  for (const { type, began } of visible) {
    if (began >= x.min) names.place(label("anomaly", type), x.getPixelForValue(began), 0);
  }
}

/** A solid line at a poll's first vote, a dashed one where it closed; newest first. */
function drawPolls({ ctx, chartArea: { top, bottom }, scales: { x } }, names, polls) {
  const visible = polls.filter(({ time }) => time >= x.min && time <= x.max).reverse();
  ctx.strokeStyle = colour("--accent");
  ctx.lineWidth = 1.5;
  for (const moment of visible) {
    const left = x.getPixelForValue(moment.time);
    ctx.setLineDash(moment.kind === "CLOSED" ? [4, 4] : []);
    ctx.beginPath();
    ctx.moveTo(left, top);
    ctx.lineTo(left, bottom);
    ctx.stroke();
    names.place(momentLabel(moment), left, 1);
  }
  ctx.setLineDash([]);
}

/** Draws everything behind the curve. */
export function drawMarks(chart, { anomalies, polls }) {
  chart.ctx.save();
  const names = new Names(chart);
  drawAnomalies(chart, names, anomalies);
  drawPolls(chart, names, polls);
  names.draw();
  chart.ctx.restore();
}

/** Describes the marks between the previous point and this one. */
export function describeMarks(point, { anomalies, polls, step }) {
  const start = (point.since ?? point.time) - step;
  const isHere = (time) => time > start && time <= point.time;
  return [
    ...anomalies.filter(({ began }) => isHere(began)).map(({ type }) => `${label("anomaly", type)} begins`),
    ...polls.filter(({ time }) => isHere(time)).map(describeMoment),
  ];
}
