// Acknowledging an anomaly: by the banner's button, or by a key that can be turned off in the menu.
import { setText } from "./format.js";
import { Preference } from "./preferences.js";

const KEY = "a";
// Elements that use keys themselves, to type, select or move.
const TAKES_KEYS = "input, select, textarea, [contenteditable], [role=slider]";

const banners = () => document.getElementById("banners");

export class Acknowledging {
  /** @param {import("./alerts.js").Alerts} alerts receives the server's answers */
  constructor(alerts) {
    this.alerts = alerts;
    this.sending = new Set();
    this.preference = new Preference("key");
    this.preference.box.addEventListener("change", () => this.showKey());
    this.showKey();
    banners().addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(event.target);
    });
    document.addEventListener("keydown", (event) => this.takeKey(event));
  }

  /** Shows the key on the buttons, or hides it when it is turned off. */
  showKey() {
    banners().classList.toggle("without-key", !this.preference.on);
  }

  takeKey(event) {
    const { key, target, repeat, ctrlKey, altKey, metaKey, isComposing } = event;
    const isPlain = !(repeat || ctrlKey || altKey || metaKey || isComposing);
    if (!this.preference.on || !isPlain || key.toLowerCase() !== KEY) return;
    if (target instanceof Element && target.closest(TAKES_KEYS)) return;
    const form = banners().querySelector("form:not([hidden])");
    if (!form) return;
    event.preventDefault();
    this.send(form);
  }

  async send(form) {
    if (this.sending.has(form)) return;
    this.sending.add(form);
    const problem = form.parentElement.querySelector('[data-field="problem"]');
    setText(problem, "");
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json" },
        redirect: "error",
      });
      if (!response.ok) throw new Error(response.statusText);
      this.alerts.take([await response.json()]);
    } catch {
      setText(problem, "Could not acknowledge: please try again, or reload the page.");
    } finally {
      this.sending.delete(form);
    }
  }
}
