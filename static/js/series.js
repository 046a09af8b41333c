// The points of a session: some downsampled by the server, the others one per tick as they arrive.
import { RANGES, TICK } from "./presentation.js";

/** The default range. */
export const [SHORTEST] = Object.keys(RANGES);
const RECENT = RANGES[SHORTEST] / TICK;
// An hour; before it is full, a downsampled history is requested from the server.
const CAPACITY = 720;

export class Series {
  constructor() {
    this.points = [];
  }

  get last() {
    return this.points.at(-1);
  }

  /** The last five minutes. */
  get recent() {
    return this.points.slice(-RECENT);
  }

  /** Adds new points and sorts them by time, whatever order they arrive in. */
  merge(more) {
    const byTime = new Map([...this.points, ...more].map((point) => [point.time, point]));
    this.points = [...byTime.values()].sort((one, other) => one.time - other.time).slice(-CAPACITY);
  }

  /** The points newer than a time. */
  since(time) {
    return this.points.filter((point) => point.time > time);
  }

  /** What a chart shows of a range; any but the shortest comes from `history`. */
  view(range, history) {
    const isShort = range === SHORTEST;
    const points = isShort ? this.recent : [...history.points, ...this.since(history.end)];
    const end = this.last.time;
    const length = RANGES[range];
    const start = length === null ? points[0].time : end - length + TICK;
    return {
      points: points.filter(({ time }) => time >= start),
      start,
      end,
      step: isShort ? TICK : Math.max(TICK, history.step),
    };
  }
}

/** The points' whole percentages: one per tick from the first to the last, null where a tick has no point. */
export function percents(points) {
  const scores = new Map(points.map(({ time, percent }) => [time, percent]));
  const ticks = points.length ? (points.at(-1).time - points[0].time) / TICK + 1 : 0;
  return Array.from({ length: ticks }, (_, tick) => scores.get(points[0].time + tick * TICK) ?? null);
}

/** Number, average and range of the scores that the points represent, as ratios rounded to whole percent. */
export function statistics(points) {
  if (!points.length) return { count: 0 };
  const count = points.reduce((sum, point) => sum + (point.count ?? 1), 0);
  const total = points.reduce((sum, point) => sum + point.score * (point.count ?? 1), 0);
  return {
    count,
    average: Math.round((total / count) * 100) / 100,
    lowest: Math.min(...points.map((point) => point.lowest ?? point.percent / 100)),
    highest: Math.max(...points.map((point) => point.highest ?? point.percent / 100)),
  };
}
