// The colours of colours.css in the form a canvas accepts: resolved for the current colour scheme.

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);
const known = new Map();

/** The colour of a custom property such as `--level-low`. */
export function colour(name) {
  if (!known.has(name)) {
    probe.style.color = `var(${name})`;
    known.set(name, getComputedStyle(probe).color);
  }
  return known.get(name);
}

/** Calls `redraw` whenever the colours have changed. */
export function onColoursChanged(redraw) {
  document.addEventListener("themechange", () => {
    known.clear();
    redraw();
  });
}
