// How sessions stand side by side on the overview. Scores are whole percents, one per tick, oldest first, with null
// where there is none; the last is the newest.
import { SEVERITIES, SPARKLINE_POINTS } from "./presentation.js";

// A change by less within a minute is noise.
const NOTABLE_PERCENT = 5;
const COMPARED = 3;
const MINUTE = 12;

function mean(scores) {
  const known = scores.filter((score) => score !== null);
  return known.length ? known.reduce((sum, score) => sum + score, 0) / known.length : null;
}

/** Where the score has gone within a minute: RISING, STEADY or FALLING; null if that is unknown. */
export function trend(scores) {
  const now = mean(scores.slice(-COMPARED));
  const before = mean(scores.slice(-COMPARED - MINUTE, -MINUTE));
  if (now === null || before === null) return null;
  if (Math.abs(now - before) < NOTABLE_PERCENT) return "STEADY";
  return now > before ? "RISING" : "FALLING";
}

/** The places of the scores, from hole to hole, in a box a tick per unit wide and 100 high, to its right edge. */
function runs(scores) {
  const start = SPARKLINE_POINTS - scores.length;
  const found = [[]];
  scores.forEach((score, number) => {
    if (score !== null) found.at(-1).push(`${start + number} ${100 - score}`);
    else if (found.at(-1).length) found.push([]);
  });
  return found.filter((run) => run.length);
}

const bottom = (place) => `${place.split(" ")[0]} 100`;

/** The SVG path of the scores. */
export const curve = (scores) => runs(scores).map((run) => `M${run.join("L")}`).join("");

/** The SVG path of what lies below them. */
export const area = (scores) =>
  runs(scores)
    .map((run) => `M${bottom(run[0])}L${run.join("L")}L${bottom(run.at(-1))}Z`)
    .join("");

/** The scores with one more, `steps` ticks later: with holes in between, and no longer than a sparkline. */
export function appended(scores, score, steps) {
  const holes = Array(Math.min(steps, SPARKLINE_POINTS) - 1).fill(null);
  return [...scores, ...holes, score].slice(-SPARKLINE_POINTS);
}

const trouble = ({ anomaly }) => (anomaly ? SEVERITIES.indexOf(anomaly.severity) : SEVERITIES.length);

/** Sessions in trouble first, the worst before all; otherwise as they come. */
export const inWallOrder = (cards) => [...cards].sort((one, other) => trouble(one) - trouble(other));

/** Whether a card is one of the event (null for all) and holds all of the words. */
export function isWanted({ title, event, eventTitle }, wantedEvent, words) {
  const text = `${title} ${eventTitle}`.toLowerCase();
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return (wantedEvent === null || wantedEvent === event) && wanted.every((word) => text.includes(word));
}
