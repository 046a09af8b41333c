// The labels, words and thresholds of dashboard/formatting/presentation.py, as the page brings them.

const data = JSON.parse(document.getElementById("presentation").textContent);

export const {
  attention: ATTENTION,
  farewell: FAREWELL,
  hole: GAP_STEPS,
  levels: LEVELS,
  ranges: RANGES,
  severities: SEVERITIES,
  sparkline: SPARKLINE_POINTS,
  tick: TICK,
  words: WORDS,
} = data;

/** A name in words, of a `kind` of labels; of one that is unknown, what is said of such. */
export function label(kind, name) {
  const names = data.labels[kind];
  return names[name ?? ""] ?? names[""] ?? name ?? "";
}

/** Words with what belongs in their braces. */
export const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
