// Why a score is what it is: a row for each of its five terms, its bar beginning where the last ends.
import { percent, points, setText, whole } from "./format.js";

const RAW_FORMATS = {
  chat_msgs_per_min: whole,
  poll_participation: percent,
  active_users: percent,
  reactions_per_min: whole,
  user_leave_rate: percent,
};

function setBar(bar, x, width) {
  bar.setAttribute("x", x);
  bar.setAttribute("width", width);
}

function showRow(row, { signal, raw, weight, value, start }) {
  const field = (name) => row.querySelector(`[data-field="${name}"]`);
  setText(field("raw"), RAW_FORMATS[signal](raw));
  setText(field("value"), points(value));
  setText(field("weight"), percent(Math.abs(weight)));
  setBar(row.querySelector(".reach"), start, weight > 0 ? weight : 0);
  setBar(row.querySelector(".value"), start, Math.abs(value));
}

/** Shows the contributions to a score, and the score as their sum. */
export function showContributions(list, contributions, score) {
  for (const part of contributions) {
    const row = list.querySelector(`[data-contribution="${part.signal}"]`);
    if (row) showRow(row, part);
  }
  const total = list.querySelector('[data-contribution="total"]');
  setText(total.querySelector('[data-field="value"]'), percent(score));
  setBar(total.querySelector(".value"), 0, score);
}
