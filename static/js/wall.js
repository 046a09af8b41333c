// The overview's cards: trend, sparkline, order and filter. Scores are whole percentages, one per tick, oldest
// first, null where a tick has none.
import { SEVERITIES, SPARKLINE_POINTS } from "./presentation.js";

// A smaller change within a minute is noise.
const NOTABLE_PERCENT = 5;
// In ticks: the length of each of the two means that are compared, and the distance between them.
const AVERAGED = 3;
const MINUTE = 12;

function mean(scores) {
  const known = scores.filter((score) => score !== null);
  return known.length ? known.reduce((sum, score) => sum + score, 0) / known.length : null;
}

/** The trend of a score within a minute: RISING, STEADY or FALLING; null if unknown. */
export function trend(scores) {
  const now = mean(scores.slice(-AVERAGED));
  const before = mean(scores.slice(-AVERAGED - MINUTE, -MINUTE));
  if (now === null || before === null) return null;
  if (Math.abs(now - before) < NOTABLE_PERCENT) return "STEADY";
  return now > before ? "RISING" : "FALLING";
}

/** Coordinates of the scores, split at gaps, right-aligned in a box of one unit per tick by 100 units. */
function segments(scores) {
  const start = SPARKLINE_POINTS - scores.length;
  const found = [[]];
  scores.forEach((score, index) => {
    if (score !== null) found.at(-1).push(`${start + index} ${100 - score}`);
    else if (found.at(-1).length) found.push([]);
  });
  return found.filter((segment) => segment.length);
}

const bottom = (point) => `${point.split(" ")[0]} 100`;

/** The SVG path of the scores. */
export const curve = (scores) => segments(scores).map((segment) => `M${segment.join("L")}`).join("");

/** The SVG path of the area below them. */
export const area = (scores) =>
  segments(scores)
    .map((segment) => `M${bottom(segment[0])}L${segment.join("L")}L${bottom(segment.at(-1))}Z`)
    .join("");

/** Appends a score, `steps` ticks later: nulls fill the gap, and the result is no longer than a sparkline. */
export function appended(scores, score, steps) {
  const gap = Array(Math.min(steps, SPARKLINE_POINTS) - 1).fill(null);
  return [...scores, ...gap, score].slice(-SPARKLINE_POINTS);
}

const rank = ({ anomaly }) => (anomaly ? SEVERITIES.indexOf(anomaly.severity) : SEVERITIES.length);

/** Sessions with an open anomaly first, the most severe at the top; otherwise in the given order. */
export const inWallOrder = (cards) => [...cards].sort((one, other) => rank(one) - rank(other));

/** Whether a card belongs to the event (null for any) and contains all of the words. */
export function isMatch({ title, event, eventTitle }, wantedEvent, words) {
  const text = `${title} ${eventTitle}`.toLowerCase();
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return (wantedEvent === null || wantedEvent === event) && wanted.every((word) => text.includes(word));
}
