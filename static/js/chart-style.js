// The look of a session's chart: colours, axes and tooltip, all taken from the page's style sheet.
import { colour } from "./colours.js";
import { minute, percent, timeOfDay, whole } from "./format.js";
import { LEVELS, label } from "./presentation.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
// Intervals between the time labels; the first that gives at most MOST_TIMES of them is used.
const STEPS = [1, 5, 10, 15, 30, 60, 120, 240, 480, 1440].map((minutes) => minutes * MINUTE);
const MOST_TIMES = 8;

/** A vertical gradient through the levels' colours; `opacity` maps a score to a percentage. */
export function gradient(context, area, opacity) {
  const fill = context.createLinearGradient(0, area.bottom, 0, area.top);
  for (const [floor, name] of LEVELS.toReversed()) {
    const score = floor + 0.1;
    const token = `--level-${name.toLowerCase().replace("_", "-")}`;
    const shade = `color-mix(in srgb, ${colour(token)} ${opacity(score)}%, transparent)`;
    fill.addColorStop(score, shade);
  }
  return fill;
}

/** The time of a point as text, or the time range of a point that covers several ticks. */
export function describeTime({ time, since }) {
  return since < time ? `${timeOfDay(since)} – ${timeOfDay(time)}` : timeOfDay(time);
}

/** Describes a point, line by line. */
export function describePoint({ percent: shown, category, signals, lowest, highest }) {
  const spread = lowest < highest ? ` (${percent(lowest)}–${percent(highest)} %)` : "";
  return [
    `${whole(shown)} %${spread} · ${label("category", category)}`,
    `${whole(signals.chat_msgs_per_min)} chat/min, ${whole(signals.reactions_per_min)} reactions/min`,
    `${whole(signals.active_users)} of ${whole(signals.total_users)} people active`,
    `${percent(signals.poll_participation)} % voted, ${percent(signals.user_leave_rate)} % left`,
  ];
}

/** @param {(point: object) => string[]} describeMarks describes the marks at a point */
export const tooltip = (describeMarks) => ({
  displayColors: false,
  padding: 12,
  footerMarginTop: 8,
  cornerRadius: 10,
  caretPadding: 8,
  backgroundColor: colour("--text"),
  titleColor: colour("--panel"),
  bodyColor: colour("--panel"),
  footerColor: colour("--panel"),
  filter: (item) => item.raw.point !== undefined,
  callbacks: {
    title: (items) => (items.length ? describeTime(items[0].raw.point) : ""),
    label: ({ raw }) => describePoint(raw.point),
    footer: (items) => items.flatMap(({ raw }) => describeMarks(raw.point)),
  },
});

/** Round times between two times, in the viewer's time zone. */
export function roundTimes(start, end) {
  const step = STEPS.find((length) => (end - start) / length <= MOST_TIMES) ?? STEPS.at(-1);
  const zone = step > HOUR ? new Date(start).getTimezoneOffset() * MINUTE : 0;
  const times = [];
  for (let time = Math.ceil((start - zone) / step) * step + zone; time <= end; time += step) {
    times.push(time);
  }
  return times;
}

export function axes() {
  const grid = { color: colour("--edge"), drawTicks: false };
  const ticks = { color: colour("--muted"), padding: 8 };
  return {
    x: {
      type: "linear",
      grid: { display: false },
      border: { display: false },
      afterBuildTicks: (axis) => {
        // Without points there is no time yet.
        const isEmpty = axis.chart.data.datasets[0].data.length === 0;
        axis.ticks = isEmpty ? [] : roundTimes(axis.min, axis.max).map((value) => ({ value }));
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
