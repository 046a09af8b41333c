// Two ways to alert a viewer who is looking elsewhere, both opt-in: a sound and a notification.
import { setText } from "./format.js";
import { label } from "./presentation.js";
import { Preference } from "./preferences.js";

// Two notes, the second higher; three if critical. In Hz and seconds.
const NOTES = { WARNING: [587, 784], CRITICAL: [784, 587, 784] };
const NOTE_LENGTH = 0.18;
const VOLUME = 0.2;

function playNotes(context, severity) {
  const notes = NOTES[severity] ?? NOTES.WARNING;
  notes.forEach((frequency, index) => {
    const start = context.currentTime + index * NOTE_LENGTH;
    const tone = new OscillatorNode(context, { frequency });
    const volume = new GainNode(context, { gain: 0 });
    // Fades in and out: a tone that is cut off abruptly clicks.
    volume.gain.setTargetAtTime(VOLUME, start, 0.01);
    volume.gain.setTargetAtTime(0, start + NOTE_LENGTH * 0.7, 0.03);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + NOTE_LENGTH * 2);
  });
}

class Sound {
  constructor() {
    this.preference = new Preference("sound");
    this.context = null;
    this.preference.box.addEventListener("change", () => this.preference.on && this.play("WARNING"));
    // Browsers only let a page play sound after the user has interacted with it.
    const unlock = () => this.preference.on && this.ready();
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, unlock, { once: true });
  }

  async ready() {
    this.context ??= new AudioContext();
    await this.context.resume();
    return this.context;
  }

  async play(severity) {
    playNotes(await this.ready(), severity);
  }
}

class Notifications {
  constructor() {
    this.preference = new Preference("notification");
    this.preference.box.addEventListener("change", () => this.preference.on && this.ask());
  }

  async ask() {
    const permission = globalThis.Notification ? await Notification.requestPermission() : "denied";
    if (permission !== "granted") this.refuse();
  }

  refuse() {
    this.preference.on = false;
    const hint = document.getElementById("notification-hint");
    setText(hint, "This browser does not allow this site to show notifications.");
  }

  show(anomaly, title) {
    const heading = `${label("severity", anomaly.severity)}: ${label("anomaly", anomaly.type)}`;
    try {
      // The tag keeps it to one notification, however many pages are open.
      const options = { body: `${title}\n${anomaly.reason}`, tag: anomaly.id };
      const notification = new Notification(heading, options);
      notification.addEventListener("click", () => {
        window.focus();
        notification.close();
      });
    } catch {
      this.refuse(); // some browsers allow it from service workers only
    }
  }
}

export class Attention {
  /** @param {string} title of the session */
  constructor(title) {
    this.title = title;
    this.sound = new Sound();
    this.notifications = new Notifications();
  }

  /** Alerts the viewer to an anomaly that has begun or become worse. */
  call(anomaly) {
    if (this.sound.preference.on) this.sound.play(anomaly.severity);
    // A viewer who is on the page sees the banner.
    if (this.notifications.preference.on && !document.hasFocus()) {
      this.notifications.show(anomaly, this.title);
    }
  }
}
