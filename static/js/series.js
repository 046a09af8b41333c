// The points of a session, as they come: some thinned out by the server, the others one per tick.
import { RANGES, TICK } from "./presentation.js";

/** The range that is shown unless another is chosen. */
export const [SHORTEST] = Object.keys(RANGES);
const RECENT = RANGES[SHORTEST] / TICK;
// An hour; before it is full the server is asked for a thinner history.
const MOST = 720;

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

  /** Adds what is new, in the order of time, whatever order it came in. */
  merge(more) {
    const byTime = new Map([...this.points, ...more].map((point) => [point.time, point]));
    this.points = [...byTime.values()].sort((one, other) => one.time - other.time).slice(-MOST);
  }

  /** The points that are newer than a time. */
  since(time) {
    return this.points.filter((point) => point.time > time);
  }

  /** What a chart shows of a range, which `history` has unless it is the shortest. */
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

/** Whole percents of points: one for each tick from the first to the last, with null in the holes. */
export function percents(points) {
  const scores = new Map(points.map(({ time, percent }) => [time, percent]));
  const ticks = points.length ? (points.at(-1).time - points[0].time) / TICK + 1 : 0;
  return Array.from({ length: ticks }, (_, tick) => scores.get(points[0].time + tick * TICK) ?? null);
}

/** Average and range of the scores that points stand for, as whole percents, and their number; only that without points. */
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
