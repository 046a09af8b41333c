// Formatting of scores and signals, the same as in dashboard/templatetags/engagement.py.

export const CATEGORY_LABELS = {
  VERY_HIGH: "Very high",
  HIGH: "High",
  MODERATE: "Moderate",
  LOW: "Low",
  VERY_LOW: "Very low",
};

const wholeNumbers = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

const shortClock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export const percent = (ratio) => (ratio == null ? "–" : String(Math.round(ratio * 100)));
export const whole = (number) => (number == null ? "–" : wholeNumbers.format(number));
export const timeOfDay = (milliseconds) => clock.format(milliseconds);
export const minute = (milliseconds) => shortClock.format(milliseconds);
export const categoryLabel = (name) => CATEGORY_LABELS[name] ?? "No score yet";

export const SIGNAL_FORMATS = {
  chat_msgs_per_min: whole,
  active_users: whole,
  total_users: whole,
  poll_participation: percent,
  reactions_per_min: whole,
  user_leave_rate: percent,
};

/** Sets an element's text only where it differs, so that nothing is laid out again for nothing. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
