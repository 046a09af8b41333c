// What pages know of an anomaly, whatever order its changes arrive in.

export const BEGAN = "began";
export const WORSE = "worse";
export const ENDED = "ended";
export const ACKNOWLEDGED = "acknowledged";

/** An anomaly after `next` has arrived: it only gets worse, ends once, and stays acknowledged. */
export function merge(known, next) {
  if (!known) return next;
  const isOlder =
    known.ended === null
      ? next.ended === null && known.severity === "CRITICAL" && next.severity !== "CRITICAL"
      : next.ended === null;
  // The detector does not know who has acknowledged what it tells of.
  return { ...(isOlder ? known : next), acknowledged: next.acknowledged ?? known.acknowledged };
}

/** What there is to tell of an anomaly of which `known` was the last; null for nothing. */
export function newsOf(next, known) {
  if (!known) return next.ended === null ? BEGAN : ENDED;
  if (known.ended === null && next.ended !== null) return ENDED;
  if (next.ended !== null) return null;
  if (next.severity !== known.severity || next.type !== known.type) return WORSE;
  return next.acknowledged && !known.acknowledged ? ACKNOWLEDGED : null;
}
