// A socket that is always there again: reconnects for ever, and tells the page's indicator how it is.
import { duration, setText } from "./format.js";
import { WORDS as SHARED } from "./presentation.js";

const FIRST_DELAY = 500;
// A burst of reasons to ask for a snapshot is answered with one.
const PATIENCE = 500;
const LONGEST_DELAY = 10_000;
const STALE_AFTER = 15_000;
// A socket that says nothing, not even when it is asked, is dead although it looks open.
const DEAD_AFTER = 30_000;
const NO_LONGER_ALLOWED = 4403;
// From the second failure on; one is what a restart looks like.
const ASK_PAGE_FROM = 2_000;
// A handshake that is never answered would otherwise hang for minutes.
const HANDSHAKE_LIMIT = 8_000;

const WORDS = {
  connecting: SHARED.connecting,
  live: "Live",
  stale: "No update",
  reconnecting: "Reconnecting",
  ended: "Session over",
  refused: "No longer available: please reload",
};

/** Whether a message comes from a process of the release before, which still runs during an upgrade. */
function isFromBefore({ points = [], cards = [], anomalies = [] }) {
  const scores = [...points, ...cards.map(({ point }) => point).filter(Boolean)];
  return scores.some(({ percent }) => percent === undefined) || anomalies.some(({ movement }) => movement === undefined);
}

export class Connection {
  /**
   * @param {string} path of the socket on this site
   * @param {HTMLElement} indicator shows the state in words and by its data-state
   * @param {(message: object) => void} receive is called with each message
   */
  constructor(path, indicator, receive) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.indicator = indicator;
    this.receive = receive;
    this.delay = FIRST_DELAY;
    this.ended = false;
    this.refused = false;
    this.heardAt = this.aliveAt = this.askedAt = performance.now();
    this.socket = null;
    this.retry = null;
    this.requested = null;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => this.hurry());
    setInterval(() => this.watch(), 1000);
    this.open();
  }

  open() {
    clearTimeout(this.retry);
    this.retry = null;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    const limit = setTimeout(() => socket.close(), HANDSHAKE_LIMIT);
    socket.addEventListener("open", () => {
      clearTimeout(limit);
      this.delay = FIRST_DELAY;
      this.refused = false;
      this.aliveAt = this.askedAt = performance.now();
    });
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket) return;
      this.aliveAt = performance.now();
      this.take(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      clearTimeout(limit);
      if (socket === this.socket) this.closed(event.code);
    });
    this.show();
  }

  /** What a message from before lacks is in a snapshot, unless the web server, too, is the one before. */
  take(message) {
    if (!isFromBefore(message)) this.receive(message);
    else if (message.type !== "snapshot") this.requestSoon();
  }

  closed(code) {
    this.socket = null;
    if (code === NO_LONGER_ALLOWED) this.refused = true;
    else if (this.delay >= ASK_PAGE_FROM) this.askWhetherRefused();
    // Spread over time, so that all screens of a restarted server do not come at once.
    this.retry = setTimeout(() => this.open(), this.delay * (0.5 + Math.random() / 2));
    this.delay = Math.min(this.delay * 2, LONGEST_DELAY);
    this.show();
  }

  /** A refused handshake looks like a lost network; the page itself tells them apart. */
  async askWhetherRefused() {
    try {
      const page = await fetch(location.href, { method: "HEAD", redirect: "manual" });
      const goesToLogin = page.type === "opaqueredirect";
      if (this.socket?.readyState !== WebSocket.OPEN) {
        this.refused = goesToLogin || page.status === 403 || page.status === 404;
      }
    } catch {
      this.refused = false; // no network
    }
    this.show();
  }

  /** Every second: asks a silent socket for a sign of life, and gives up one that gives none. */
  watch() {
    const now = performance.now();
    if (this.socket?.readyState === WebSocket.OPEN) {
      if (now - this.aliveAt > DEAD_AFTER) this.abandon();
      else if (now - Math.max(this.aliveAt, this.askedAt) > STALE_AFTER) this.requestSnapshot();
    }
    this.show();
  }

  /** Does not wait for the other side to agree: on a dead line that takes minutes. */
  abandon() {
    const socket = this.socket;
    this.closed();
    socket.close();
  }

  /** The network is back or somebody looks again: do not wait for the next attempt. */
  hurry() {
    if (this.retry !== null && !document.hidden) this.open();
  }

  /** Something current has arrived, `age` milliseconds after it was true. */
  heard(age = 0) {
    this.heardAt = performance.now() - age;
    this.show();
  }

  /** Asks for everything again, because something was missed. */
  requestSnapshot() {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.askedAt = performance.now();
      this.socket.send(JSON.stringify({ type: "snapshot" }));
    }
  }

  requestSoon() {
    this.requested ??= setTimeout(() => {
      this.requested = null;
      this.requestSnapshot();
    }, PATIENCE);
  }

  get state() {
    if (this.refused) return "refused";
    if (this.socket?.readyState === WebSocket.OPEN) {
      if (this.ended) return "ended";
      return performance.now() - this.heardAt > STALE_AFTER ? "stale" : "live";
    }
    return this.socket !== null && this.delay === FIRST_DELAY ? "connecting" : "reconnecting";
  }

  show() {
    const state = this.state;
    this.indicator.dataset.state = state;
    setText(this.indicator.querySelector(".words"), WORDS[state]);
    const silence = state === "stale" ? ` for ${duration(performance.now() - this.heardAt)}` : "";
    // Hidden from screen readers, which are told the state and not every second.
    setText(this.indicator.querySelector(".since"), silence);
  }
}
