// What each signal was lately: a small curve on its card, and its range in figures.
import { SIGNAL_FORMATS, setText } from "./format.js";
import { drawSparkline } from "./sparkline.js";

function showCard(card, points, frame) {
  const name = card.dataset.signalCard;
  const format = SIGNAL_FORMATS[name];
  const series = points.map(({ time, signals }) => ({ time, value: signals[name] }));
  drawSparkline(card.querySelector(".spark"), series, { ...frame, step: frame.step * 1.5 });
  const values = series.map(({ value }) => value);
  const [lowest, highest] = [format(Math.min(...values)), format(Math.max(...values))];
  const range = lowest === highest ? `always ${lowest}` : `${lowest} to ${highest}`;
  setText(card.querySelector('[data-field="range"]'), range);
}

/** Shows the signals of points, oldest first, between the times `start` and `end` of `frame`. */
export function showSignalHistory(points, frame) {
  for (const card of document.querySelectorAll("[data-signal-card]")) showCard(card, points, frame);
}
