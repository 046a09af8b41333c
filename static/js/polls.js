// When the polls of a session received their first vote and when they closed.
import { timeOfDay, whole } from "./format.js";

const key = ({ poll, kind }) => `${kind} ${poll}`;

/** Adds `more` to the known moments, oldest first; a poll has at most two. */
export function mergeMoments(moments, more) {
  const byKey = new Map([...moments, ...more].map((moment) => [key(moment), moment]));
  return [...byKey.values()].sort((one, other) => one.time - other.time);
}

/** The label on the chart. */
export function momentLabel({ kind, voters, present }) {
  return kind === "CLOSED" ? `Poll closed: ${whole(voters)} of ${whole(present)}` : "Poll";
}

/** The same as a phrase. */
export function describeMoment({ kind, time, voters, present }) {
  return kind === "CLOSED"
    ? `Poll closed at ${timeOfDay(time)}, ${whole(voters)} of ${whole(present)} voted`
    : `First vote of a poll at ${timeOfDay(time)}`;
}
