// The state of an anomaly on a page, independent of the order in which its changes arrive.

export const BEGAN = "began";
export const WORSE = "worse";
export const ENDED = "ended";
export const ACKNOWLEDGED = "acknowledged";

/** Merges `next` into a known anomaly: severity only rises, it ends once, and it stays acknowledged. */
export function merge(known, next) {
  if (!known) return next;
  const isOlder =
    known.ended === null
      ? next.ended === null && known.severity === "CRITICAL" && next.severity !== "CRITICAL"
      : next.ended === null;
  // Notices from the detector do not say who has acknowledged the anomaly.
  return { ...(isOlder ? known : next), acknowledged: next.acknowledged ?? known.acknowledged };
}

/** What has changed from `known` to `next`; null if nothing worth reporting has. */
export function newsOf(next, known) {
  if (!known) return next.ended === null ? BEGAN : ENDED;
  if (known.ended === null && next.ended !== null) return ENDED;
  if (next.ended !== null) return null;
  if (next.severity !== known.severity || next.type !== known.type) return WORSE;
  return next.acknowledged && !known.acknowledged ? ACKNOWLEDGED : null;
}
