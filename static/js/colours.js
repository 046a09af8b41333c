// The colours of colours.css as a canvas takes them: resolved for the scheme that is in use.

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);
const known = new Map();

/** A custom property's colour, for instance of `--level-low`. */
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
