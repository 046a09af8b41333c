// The recent course of each signal: a sparkline on its card, and its range in figures.
import { FORMATS, setText } from "./format.js";
import { GAP_STEPS } from "./presentation.js";
import { drawSparkline } from "./sparkline.js";

function showCard(card, points, frame) {
  const { signalCard: name, format } = card.dataset;
  const shown = FORMATS[format];
  const series = points.map(({ time, signals }) => ({ time, value: signals[name] }));
  drawSparkline(card.querySelector(".spark"), series, { ...frame, step: frame.step * GAP_STEPS });
  const values = series.map(({ value }) => value);
  const [lowest, highest] = [shown(Math.min(...values)), shown(Math.max(...values))];
  const range = lowest === highest ? `always ${lowest}` : `${lowest} to ${highest}`;
  setText(card.querySelector('[data-field="range"]'), range);
}

/** Shows the signals of points, oldest first, over the time from `start` to `end` of `frame`. */
export function showSignalHistory(points, frame) {
  for (const card of document.querySelectorAll("[data-signal-card]")) showCard(card, points, frame);
}
