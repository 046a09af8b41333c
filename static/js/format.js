// Numbers, times and durations in the viewer's locale and time zone. Figures arrive already rounded
// (dashboard/formatting/rounding.py), so they only need formatting.
import { WORDS, fill, label } from "./presentation.js";

const wholeNumbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(undefined, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const shortClock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export const whole = (number) => (number == null ? "–" : wholeNumbers.format(number));
/** A ratio as a percentage. */
export const percent = (ratio) => whole(ratio == null ? null : ratio * 100);
/** Points of a score, with sign and one decimal: `+24.3`, `−0.5`. */
export const points = (value) =>
  `${value === 0 ? "" : value < 0 ? "\u2212" : "+"}${tenths.format(Math.abs(value))}`;
/** Formatters by the name that templates use in data-format. */
export const FORMATS = { percent, whole };
export const timeOfDay = (milliseconds) => clock.format(milliseconds);
export const minute = (milliseconds) => shortClock.format(milliseconds);
export const moment = (milliseconds) => calendar.format(milliseconds);

/** Shows the badge of a session's announced break, or hides it. */
export function showPause(badge, kind) {
  badge.hidden = !kind;
  setText(badge, label("pause", kind));
}

/** A duration in its largest units, rounded: `40 s`, `3 min`, `1 h 5 min`. */
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Who has acknowledged an anomaly, and when; empty if nobody has. */
export function acknowledgement(acknowledged) {
  if (!acknowledged) return "";
  // A web process of the previous release sends no text.
  const what = acknowledged.text ?? `Acknowledged by ${acknowledged.by}`;
  return fill(WORDS.acknowledged, { what, time: timeOfDay(acknowledged.at) });
}

/** Reformats the numbers rendered by the server in the viewer's locale. */
export function showNumbers() {
  for (const number of document.querySelectorAll("data[value]")) setText(number, whole(Number(number.value)));
}

/** Sets an element's text only if it differs, to avoid needless layout. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
