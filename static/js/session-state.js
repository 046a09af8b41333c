// How current a session's page is: in words, and by a style on everything that is out of date.
import { setText, timeOfDay } from "./format.js";
import { WORDS as SHARED } from "./presentation.js";

const WORDS = {
  stale: "No new data is arriving.",
  reconnecting: "Connection lost; reconnecting.",
  refused: "This page no longer receives updates: please reload.",
};

const element = (id) => document.getElementById(id);

function title(state, time) {
  if (state === "ended") return SHARED.engagement_at_end;
  return state in WORDS && time ? `Engagement at ${timeOfDay(time)}` : SHARED.engagement_now;
}

/**
 * Shows a state of the connection.
 * @param {string} state the state of the connection, as in its indicator
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

/** Shows when a session ended and how long it lasted, and hides what applies to live ones; null undoes that. */
export function showEnd(started, ended) {
  for (const part of document.querySelectorAll("[data-while]")) {
    part.hidden = (part.dataset.while === "live") !== (ended === null);
  }
  const line = element("over");
  line.hidden = ended === null;
  if (ended === null) return;
  const time = line.querySelector("time");
  time.dateTime = new Date(ended).toISOString();
  setText(time, timeOfDay(ended));
  line.querySelector("time-span").setAttribute("length", ended - started);
}
