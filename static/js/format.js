// Formatting of scores, signals and anomalies, the same as in dashboard/templatetags/engagement_filters.py.

export const CATEGORY_LABELS = {
  VERY_HIGH: "Very high",
  HIGH: "High",
  MODERATE: "Moderate",
  LOW: "Low",
  VERY_LOW: "Very low",
};

export const ANOMALY_LABELS = {
  SUDDEN_DROP: "Sudden drop",
  GRADUAL_DECLINE: "Gradual decline",
  MASS_EXIT: "Mass exit",
  LOW_ENGAGEMENT: "Low engagement",
};

export const SEVERITY_LABELS = { WARNING: "Warning", CRITICAL: "Critical" };

export const TREND_LABELS = { RISING: "Rising", STEADY: "Steady", FALLING: "Falling" };

export const PAUSE_LABELS = { BREAK: "Break", CLOSING: "Closing" };

// As far back, in seconds, as the detector knows the signals.
const LONGEST_FALL = 320;

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

export const percent = (ratio) =>
  ratio == null ? "–" : wholeNumbers.format(Math.round(ratio * 100));
/** What a term adds to a score, in its points of a hundred: `+24.3`, `−0.5`. */
export function points(value) {
  const size = Number((Math.abs(value) * 100).toFixed(1));
  return `${size === 0 ? "" : value < 0 ? "\u2212" : "+"}${tenths.format(size)}`;
}

export const whole = (number) => (number == null ? "–" : wholeNumbers.format(number));
export const timeOfDay = (milliseconds) => clock.format(milliseconds);
export const minute = (milliseconds) => shortClock.format(milliseconds);
export const moment = (milliseconds) => calendar.format(milliseconds);
export const categoryLabel = (name) => CATEGORY_LABELS[name] ?? "No score yet";

export const anomalyLabel = (name) => ANOMALY_LABELS[name] ?? "Unusual";
export const severityLabel = (name) => SEVERITY_LABELS[name] ?? "Warning";

export const trendLabel = (name) => TREND_LABELS[name] ?? "";

/** Shows the badge of the pause that a session makes, or hides it. */
export function showPause(badge, kind) {
  badge.hidden = !kind;
  setText(badge, kind ? (PAUSE_LABELS[kind] ?? kind) : "");
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
  const by = acknowledged.by ? ` by ${acknowledged.by}` : "";
  return `Acknowledged${by} at ${timeOfDay(acknowledged.at)}`;
}

/** Which signal has moved most, from what to what: `Active users 190 → 121 in 40 s`. */
export function movement(moved) {
  if (!moved) return "";
  const { signal, before, now, seconds } = moved;
  const label = SIGNAL_LABELS[signal] ?? signal;
  return `${label} ${whole(before)} \u2192 ${whole(now)} ${fallLength(seconds)}`;
}

/** As long as the sentence beside it says: halves of a minute go to the even neighbour, as there. */
function fallLength(seconds) {
  if (seconds >= LONGEST_FALL) return "over more than 5 min";
  if (seconds < 120) return `in ${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return `in ${seconds % 60 === 30 ? minutes - (minutes % 2) : minutes} min`;
}

export const SIGNAL_LABELS = {
  chat_msgs_per_min: "Chat per minute",
  active_users: "Active users",
  reactions_per_min: "Reactions per minute",
};

export const SIGNAL_FORMATS = {
  chat_msgs_per_min: whole,
  active_users: whole,
  total_users: whole,
  poll_participation: percent,
  reactions_per_min: whole,
  user_leave_rate: percent,
};

/** Writes the server's numbers as the viewer's language has them, like those of scripts. */
export function showNumbers() {
  for (const number of document.querySelectorAll("data[value]")) setText(number, whole(Number(number.value)));
}

/** Sets an element's text only where it differs, so that nothing is laid out again for nothing. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
