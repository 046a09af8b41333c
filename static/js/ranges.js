// The time range of a session's chart: chosen by links, and kept in the page's address.
import { setText } from "./format.js";
import { RANGES } from "./presentation.js";
import { SHORTEST } from "./series.js";

const PARAMETER = "range";

function rangeInAddress() {
  const range = new URLSearchParams(location.search).get(PARAMETER);
  return Object.hasOwn(RANGES, range) ? range : SHORTEST;
}

export class Ranges {
  /**
   * @param {HTMLElement} nav contains a link for each range
   * @param {() => void} onChange called when another range has been chosen
   */
  constructor(nav, onChange) {
    this.links = [...nav.querySelectorAll("a")];
    this.onChange = onChange;
    this.current = rangeInAddress();
    this.show();
    nav.addEventListener("click", (event) => this.follow(event));
    addEventListener("popstate", () => this.choose(rangeInAddress()));
  }

  follow(event) {
    const link = event.target.closest("a");
    // Leave links opened in a new tab or window to the browser.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.dataset.range === this.current) return;
    history.pushState(null, "", link.href);
    this.choose(link.dataset.range);
  }

  choose(range) {
    this.current = range;
    this.show();
    this.onChange();
  }

  show() {
    for (const link of this.links) {
      const isCurrent = link.dataset.range === this.current;
      if (isCurrent) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      if (isCurrent) setText(document.getElementById("chart-title"), link.dataset.title);
    }
  }
}
