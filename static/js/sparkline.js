// Sparklines: an SVG of 100 by 24 units with a filled area and a line.

const WIDTH = 100;
const HEIGHT = 24;
// Keeps the stroke inside the box.
const MARGIN = 1;

/** Splits points wherever two of them are further apart than `step`. */
function split(points, step) {
  const result = [];
  for (const point of points) {
    const last = result.at(-1)?.at(-1);
    if (last && point.time - last.time <= step) result.at(-1).push(point);
    else result.push([point]);
  }
  return result;
}

/**
 * Draws values over time, scaled from zero to the highest.
 * @param {SVGElement} svg contains the paths `.area` and `.line`
 * @param {{time: number, value: number}[]} points oldest first
 * @param {{start: number, end: number, step: number}} frame times at the edges; points further apart
 *   than `step` are not joined
 */
export function drawSparkline(svg, points, { start, end, step }) {
  const top = Math.max(...points.map(({ value }) => value), Number.MIN_VALUE);
  const x = (time) => (((time - start) / (end - start)) * WIDTH).toFixed(2);
  const y = (value) => (HEIGHT - MARGIN - (value / top) * (HEIGHT - 2 * MARGIN)).toFixed(2);
  const segments = split(points, step);
  const path = (segment) => segment.map(({ time, value }) => `${x(time)},${y(value)}`).join("L");
  const area = (segment) =>
    `M${x(segment[0].time)},${HEIGHT}L${path(segment)}L${x(segment.at(-1).time)},${HEIGHT}Z`;
  svg.querySelector(".line").setAttribute("d", segments.map((segment) => `M${path(segment)}`).join(""));
  svg.querySelector(".area").setAttribute("d", segments.map(area).join(""));
}
