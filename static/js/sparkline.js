// Small curves without axes: an SVG with one filled area and one line, of 100 by 24 units.

const WIDTH = 100;
const HEIGHT = 24;
// Keeps the stroke inside.
const MARGIN = 1;

/** Stretches of points without a hole longer than `step` between two of them. */
function stretches(points, step) {
  const result = [];
  for (const point of points) {
    const last = result.at(-1)?.at(-1);
    if (last && point.time - last.time <= step) result.at(-1).push(point);
    else result.push([point]);
  }
  return result;
}

/**
 * Draws values over time, from zero to the highest of them.
 * @param {SVGElement} svg with an element `.area` and an element `.line`, both paths
 * @param {{time: number, value: number}[]} points oldest first
 * @param {{start: number, end: number, step: number}} frame times at the edges; points further apart
 *   than `step` are not joined
 */
export function drawSparkline(svg, points, { start, end, step }) {
  const top = Math.max(...points.map(({ value }) => value), Number.MIN_VALUE);
  const x = (time) => (((time - start) / (end - start)) * WIDTH).toFixed(2);
  const y = (value) => (HEIGHT - MARGIN - (value / top) * (HEIGHT - 2 * MARGIN)).toFixed(2);
  const lines = stretches(points, step);
  const path = (stretch) => stretch.map(({ time, value }) => `${x(time)},${y(value)}`).join("L");
  const area = (stretch) =>
    `M${x(stretch[0].time)},${HEIGHT}L${path(stretch)}L${x(stretch.at(-1).time)},${HEIGHT}Z`;
  svg.querySelector(".line").setAttribute("d", lines.map((line) => `M${path(line)}`).join(""));
  svg.querySelector(".area").setAttribute("d", lines.map(area).join(""));
}
