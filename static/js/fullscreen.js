// The wall on a big screen: nothing but cards, as large as the screen has room for.
import { setText } from "./format.js";

const root = document.documentElement;
// Width over height at which a card reads best, and what it needs at least.
const SHAPE = 1.6;
const LEAST_WIDTH = 260;
const LEAST_HEIGHT = 280;

/** The number of columns with the largest cards of a good shape for `count` of them in a space. */
export function columnsFor(count, width, height) {
  const most = Math.max(1, Math.floor(width / LEAST_WIDTH));
  let best = 1;
  let largest = 0;
  for (let columns = 1; columns <= Math.min(count, most); columns += 1) {
    const cardHeight = Math.max(LEAST_HEIGHT, height / Math.ceil(count / columns));
    const size = Math.min(width / columns / SHAPE, cardHeight);
    // What does not fit has to be scrolled for: then the most columns are best.
    const fits = cardHeight > LEAST_HEIGHT || columns === most;
    if (fits && size > largest) [best, largest] = [columns, size];
  }
  return largest ? best : most;
}

export class FullScreen {
  /**
   * @param {HTMLButtonElement} button turns it on and off
   * @param {HTMLElement} list of the cards
   */
  constructor(button, list) {
    this.button = button;
    this.list = list;
    this.lock = null;
    button.addEventListener("click", () => (this.isOn ? this.leave() : this.enter()));
    document.addEventListener("fullscreenchange", () => document.fullscreenElement || this.set(false));
    document.addEventListener("visibilitychange", () => this.isOn && this.keepAwake());
    addEventListener("resize", () => this.arrange());
    if (new URL(location.href).searchParams.has("wall")) this.set(true);
  }

  get isOn() {
    return "wall" in root.dataset;
  }

  async enter() {
    this.set(true);
    try {
      await root.requestFullscreen();
    } catch {
      // Some phones have none; the wall takes the window then.
    }
  }

  leave() {
    if (document.fullscreenElement) document.exitFullscreen();
    this.set(false);
  }

  /** Also in the address, so that a screen that is switched on shows the wall at once. */
  set(on) {
    if (on) root.dataset.wall = "";
    else delete root.dataset.wall;
    setText(this.button, on ? "Leave full screen" : "Full screen");
    const address = new URL(location.href);
    if (on) address.searchParams.set("wall", "1");
    else address.searchParams.delete("wall");
    history.replaceState(null, "", address);
    this.arrange();
    if (on) this.keepAwake();
    else this.lock?.release();
  }

  /** As many columns as suit the cards that are shown. */
  arrange() {
    if (!this.isOn) return;
    const count = this.list.querySelectorAll(".card:not([hidden])").length;
    const { width, top } = this.list.getBoundingClientRect();
    const columns = columnsFor(count, width, innerHeight - top - scrollY);
    this.list.style.setProperty("--columns", columns);
  }

  /** A wall that nobody touches must not go dark. */
  async keepAwake() {
    if (document.hidden) return;
    try {
      this.lock = await navigator.wakeLock?.request("screen");
    } catch {
      // Refused, for instance on a low battery.
    }
  }
}
