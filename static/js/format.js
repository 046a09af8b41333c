// Digits, times and lengths as the viewer's language and zone have them. Figures come rounded
// (dashboard/formatting/rounding.py): what is left to do is to write them.
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
/** A ratio in percent. */
export const percent = (ratio) => whole(ratio == null ? null : ratio * 100);
/** Points of a score, with their sign and one decimal: `+24.3`, `−0.5`. */
export const points = (value) =>
  `${value === 0 ? "" : value < 0 ? "\u2212" : "+"}${tenths.format(Math.abs(value))}`;
/** By the name that a template gives to a figure. */
export const FORMATS = { percent, whole };
export const timeOfDay = (milliseconds) => clock.format(milliseconds);
export const minute = (milliseconds) => shortClock.format(milliseconds);
export const moment = (milliseconds) => calendar.format(milliseconds);

/** Shows the badge of the pause that a session makes, or hides it. */
export function showPause(badge, kind) {
  badge.hidden = !kind;
  setText(badge, label("pause", kind));
}

/** A time span in its largest units, rounded: `40 s`, `3 min`, `1 h 5 min`. */
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Who has seen an anomaly, and when; nothing for nobody. */
export function acknowledgement(acknowledged) {
  if (!acknowledged) return "";
  return fill(WORDS.acknowledged, { what: acknowledged.text, time: timeOfDay(acknowledged.at) });
}

/** Writes the server's numbers as the viewer's language has them, like those of scripts. */
export function showNumbers() {
  for (const number of document.querySelectorAll("data[value]")) setText(number, whole(Number(number.value)));
}

/** Sets an element's text only where it differs, so that nothing is laid out again for nothing. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
