// When polls of a session had their first vote and when they were closed.
import { timeOfDay, whole } from "./format.js";

const key = ({ poll, kind }) => `${kind} ${poll}`;

/** The moments that are known after `more` have come, oldest first; each poll has two at most. */
export function mergeMoments(moments, more) {
  const byKey = new Map([...moments, ...more].map((moment) => [key(moment), moment]));
  return [...byKey.values()].sort((one, other) => one.time - other.time);
}

/** What stands on the chart. */
export function momentLabel({ kind, voters, present }) {
  return kind === "CLOSED" ? `Poll closed: ${whole(voters)} of ${whole(present)}` : "Poll";
}

/** The same in a sentence. */
export function describeMoment({ kind, time, voters, present }) {
  return kind === "CLOSED"
    ? `Poll closed at ${timeOfDay(time)}, ${whole(voters)} of ${whole(present)} voted`
    : `First vote of a poll at ${timeOfDay(time)}`;
}
