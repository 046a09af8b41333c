// How a score is made up: one row for each of its five terms, each bar starting where the previous one ends.
import { FORMATS, points, setText, whole } from "./format.js";

function setBar(bar, x, width) {
  bar.setAttribute("x", x);
  bar.setAttribute("width", width);
}

function showRow(row, part) {
  const field = (name) => row.querySelector(`[data-field="${name}"]`);
  setText(field("raw"), FORMATS[row.dataset.format](part.raw));
  setText(field("value"), points(part.points));
  setText(field("weight"), whole(part.most));
  setBar(row.querySelector(".reach"), part.start, Math.max(0, part.weight));
  setBar(row.querySelector(".value"), part.start, Math.abs(part.value));
}

/** Shows the contributions to a point's score, and the score as their sum. */
export function showContributions(list, { contributions, score, percent }) {
  for (const part of contributions) {
    const row = list.querySelector(`[data-contribution="${part.signal}"]`);
    if (row) showRow(row, part);
  }
  const total = list.querySelector('[data-contribution="total"]');
  setText(total.querySelector('[data-field="value"]'), whole(percent));
  setBar(total.querySelector(".value"), 0, score);
}
