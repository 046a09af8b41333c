// The labels, words and thresholds of dashboard/formatting/presentation.py, embedded in the page.

const data = JSON.parse(document.getElementById("presentation").textContent);

export const {
  attention: ATTENTION,
  gap: GAP_STEPS,
  levels: LEVELS,
  linger: BANNER_LINGER,
  ranges: RANGES,
  severities: SEVERITIES,
  signals: SIGNALS,
  sparkline: SPARKLINE_POINTS,
  tick: TICK,
  words: WORDS,
} = data;

/** The label of a name, by `kind`; for an unknown name, that kind's default or the name itself. */
export function label(kind, name) {
  const names = data.labels[kind];
  return names[name ?? ""] ?? names[""] ?? name ?? "";
}

/** Replaces the placeholders in braces with values. */
export const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
