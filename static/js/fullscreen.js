// Wall mode for big screens: only the cards, as large as fits.
import { setText } from "./format.js";

const root = document.documentElement;
// The aspect ratio (width over height) at which a card reads best, and its minimum size in pixels.
const ASPECT_RATIO = 1.6;
const MIN_WIDTH = 260;
const MIN_HEIGHT = 280;

/** The number of columns that makes `count` cards largest in a space, at a good aspect ratio. */
export function columnsFor(count, width, height) {
  const most = Math.max(1, Math.floor(width / MIN_WIDTH));
  let best = 1;
  let largest = 0;
  for (let columns = 1; columns <= Math.min(count, most); columns += 1) {
    const cardHeight = Math.max(MIN_HEIGHT, height / Math.ceil(count / columns));
    const size = Math.min(width / columns / ASPECT_RATIO, cardHeight);
    // If the cards do not fit, the page scrolls; then the most columns are best.
    const fits = cardHeight > MIN_HEIGHT || columns === most;
    if (fits && size > largest) [best, largest] = [columns, size];
  }
  return largest ? best : most;
}

export class FullScreen {
  /**
   * @param {HTMLButtonElement} button turns wall mode on and off
   * @param {HTMLElement} list the cards
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
      // Some phones have no full screen; the wall then fills the window.
    }
  }

  leave() {
    if (document.fullscreenElement) document.exitFullscreen();
    this.set(false);
  }

  /** Also kept in the address, so that a screen opened at it starts in wall mode. */
  set(on) {
    if (on) root.dataset.wall = "";
    else delete root.dataset.wall;
    setText(this.button, on ? "Exit full screen" : "Full screen");
    const address = new URL(location.href);
    if (on) address.searchParams.set("wall", "1");
    else address.searchParams.delete("wall");
    history.replaceState(null, "", address);
    this.arrange();
    if (on) this.keepAwake();
    else this.lock?.release();
  }

  /** Sets the number of columns that suits the visible cards. */
  arrange() {
    if (!this.isOn) return;
    const count = this.list.querySelectorAll(".card:not([hidden])").length;
    const { width, top } = this.list.getBoundingClientRect();
    const columns = columnsFor(count, width, innerHeight - top - scrollY);
    this.list.style.setProperty("--columns", columns);
  }

  /** Keeps an unattended screen from turning off. */
  async keepAwake() {
    if (document.hidden) return;
    try {
      this.lock = await navigator.wakeLock?.request("screen");
    } catch {
      // Refused, for instance on a low battery.
    }
  }
}
