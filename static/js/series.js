// The points of a session, as they come: some thinned out by the server, the others one per tick.
import { LENGTHS, SHORTEST } from "./ranges.js";

export const TICK = 5_000;
const RECENT = LENGTHS[SHORTEST] / TICK;
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
    const length = LENGTHS[range];
    const start = length === Infinity ? points[0].time : end - length + TICK;
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
  const scores = new Map(points.map(({ time, score }) => [time, Math.round(score * 100)]));
  const ticks = points.length ? (points.at(-1).time - points[0].time) / TICK + 1 : 0;
  return Array.from({ length: ticks }, (_, tick) => scores.get(points[0].time + tick * TICK) ?? null);
}

/** Average, range and number of the scores that points stand for; none of them without points. */
export function statistics(points) {
  if (!points.length) return { count: 0 };
  const count = points.reduce((sum, point) => sum + (point.count ?? 1), 0);
  const total = points.reduce((sum, point) => sum + point.score * (point.count ?? 1), 0);
  return {
    count,
    average: total / count,
    lowest: Math.min(...points.map((point) => point.lowest ?? point.score)),
    highest: Math.max(...points.map((point) => point.highest ?? point.score)),
  };
}
