// Saying "I have seen it": the button of a banner, or one key, which can be turned off in the menu.
import { setText } from "./format.js";
import { Preference } from "./preferences.js";

const KEY = "a";
// Where keys write, choose or move something else.
const TAKES_KEYS = "input, select, textarea, [contenteditable], [role=slider]";

const banners = () => document.getElementById("banners");

export class Acknowledging {
  /** @param {import("./alerts.js").Alerts} alerts is told what the server answers */
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

  /** Says on the buttons that there is a key, or that there is none. */
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
      setText(problem, "Not acknowledged: please try again, or reload the page.");
    } finally {
      this.sending.delete(form);
    }
  }
}
