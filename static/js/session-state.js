// How current a session's page is: in words, and by a mark on everything that is not.
import { duration, setText, timeOfDay } from "./format.js";

const WORDS = {
  stale: "Nothing new arrives.",
  reconnecting: "The connection is lost; it is tried again.",
  refused: "This page gets no more updates: please reload.",
};

const element = (id) => document.getElementById(id);

function title(state, time) {
  if (state === "ended") return "Engagement at the end";
  return state in WORDS && time ? `Engagement at ${timeOfDay(time)}` : "Engagement now";
}

/**
 * Shows a state of the connection.
 * @param {string} state as the connection's indicator has it
 * @param {number|undefined} time of the newest point
 */
export function showState(state, time) {
  element("main").dataset.state = state;
  const notice = element("state");
  notice.hidden = !(state in WORDS);
  if (state in WORDS) {
    const figures = time ? ` All figures are from ${timeOfDay(time)}.` : "";
    setText(notice, WORDS[state] + figures);
  }
  setText(element("score-title"), title(state, time));
}

/** Says since when a session is over, and how long it was, and hides what is so of live ones; `ended` null takes it back. */
export function showEnd(started, ended) {
  for (const part of document.querySelectorAll("[data-while]")) {
    part.hidden = (part.dataset.while === "live") !== (ended === null);
  }
  const line = element("over");
  line.hidden = ended === null;
  if (ended === null) return;
  setText(line, `Ended at ${timeOfDay(ended)} after ${duration(ended - started)}`);
}
