// A socket that always reconnects, and shows its state in the page's indicator.
import { duration, setText } from "./format.js";
import { WORDS as SHARED } from "./presentation.js";

const FIRST_DELAY = 500;
// Requests for a snapshot within this time become one.
const SNAPSHOT_DELAY = 500;
const LONGEST_DELAY = 10_000;
const STALE_AFTER = 15_000;
// A socket that stays silent even when asked for a snapshot is dead, although it looks open.
const DEAD_AFTER = 30_000;
const NO_LONGER_ALLOWED = 4403;
// From the second failure on: a single one looks like a restart.
const CHECK_ACCESS_FROM = 2_000;
// A handshake that is never answered would otherwise hang for minutes.
const HANDSHAKE_TIMEOUT = 8_000;

const WORDS = {
  connecting: SHARED.connecting,
  live: "Live",
  stale: "No update",
  reconnecting: "Reconnecting",
  ended: "Session ended",
  refused: "No longer available: please reload",
};

/** Whether a message comes from a process of the previous release, which may still run during an upgrade. */
function isFromPreviousRelease({ points = [], cards = [], anomalies = [] }) {
  const scores = [...points, ...cards.map(({ point }) => point).filter(Boolean)];
  return scores.some(({ percent }) => percent === undefined) || anomalies.some(({ movement }) => movement === undefined);
}

export class Connection {
  /**
   * @param {string} path the socket's path on this site
   * @param {HTMLElement} indicator shows the state as text and in its data-state
   * @param {(message: object) => void} receive called with each message
   */
  constructor(path, indicator, receive) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.indicator = indicator;
    this.receive = receive;
    this.delay = FIRST_DELAY;
    this.ended = false;
    this.refused = false;
    this.measuredAt = this.aliveAt = this.askedAt = performance.now();
    this.socket = null;
    this.retry = null;
    this.requested = null;
    addEventListener("online", () => this.reconnectNow());
    document.addEventListener("visibilitychange", () => this.reconnectNow());
    setInterval(() => this.watch(), 1000);
    this.open();
  }

  open() {
    clearTimeout(this.retry);
    this.retry = null;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    const timeout = setTimeout(() => socket.close(), HANDSHAKE_TIMEOUT);
    socket.addEventListener("open", () => {
      clearTimeout(timeout);
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
      clearTimeout(timeout);
      if (socket === this.socket) this.closed(event.code);
    });
    this.show();
  }

  /** A snapshot has what a message of the previous release lacks, unless the web server is of that release, too. */
  take(message) {
    if (!isFromPreviousRelease(message)) this.receive(message);
    else if (message.type !== "snapshot") this.requestSoon();
  }

  closed(code) {
    this.socket = null;
    if (code === NO_LONGER_ALLOWED) this.refused = true;
    else if (this.delay >= CHECK_ACCESS_FROM) this.checkAccess();
    // Spread out, so that not all screens reconnect to a restarted server at once.
    this.retry = setTimeout(() => this.open(), this.delay * (0.5 + Math.random() / 2));
    this.delay = Math.min(this.delay * 2, LONGEST_DELAY);
    this.show();
  }

  /** A refused handshake looks like a lost network; a request for the page tells them apart. */
  async checkAccess() {
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

  /** Every second: asks a silent socket for a snapshot, and abandons one that does not answer. */
  watch() {
    const now = performance.now();
    if (this.socket?.readyState === WebSocket.OPEN) {
      if (now - this.aliveAt > DEAD_AFTER) this.abandon();
      else if (now - Math.max(this.aliveAt, this.askedAt) > STALE_AFTER) this.requestSnapshot();
    }
    this.show();
  }

  /** Does not wait for the closing handshake: on a dead connection that takes minutes. */
  abandon() {
    const socket = this.socket;
    this.closed();
    socket.close();
  }

  /** Reconnects at once, because the network is back or the page is visible again. */
  reconnectNow() {
    if (this.retry !== null && !document.hidden) this.open();
  }

  /** Notes that current data has arrived, `age` milliseconds after it was measured. */
  received(age = 0) {
    this.measuredAt = performance.now() - age;
    this.show();
  }

  /** Requests a full snapshot, because something was missed. */
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
    }, SNAPSHOT_DELAY);
  }

  get state() {
    if (this.refused) return "refused";
    if (this.socket?.readyState === WebSocket.OPEN) {
      if (this.ended) return "ended";
      return performance.now() - this.measuredAt > STALE_AFTER ? "stale" : "live";
    }
    return this.socket !== null && this.delay === FIRST_DELAY ? "connecting" : "reconnecting";
  }

  show() {
    const state = this.state;
    this.indicator.dataset.state = state;
    setText(this.indicator.querySelector(".words"), WORDS[state]);
    const silence = state === "stale" ? ` for ${duration(performance.now() - this.measuredAt)}` : "";
    // Hidden from screen readers, which should hear the state but not every second.
    setText(this.indicator.querySelector(".since"), silence);
  }
}
