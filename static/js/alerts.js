// The anomalies of a session: a banner for the open one, a list of all, and announcements for screen readers.
import { ACKNOWLEDGED, BEGAN, ENDED, merge, newsOf } from "./anomalies.js";
import { acknowledgement, percent, setText, timeOfDay } from "./format.js";
import { BANNER_LINGER, WORDS, label } from "./presentation.js";

const element = (id) => document.getElementById(id);
const field = (place, name) => place.querySelector(`[data-field="${name}"]`);

function words(anomaly, news) {
  const what = label("anomaly", anomaly.type);
  if (news === ENDED) return `${what} has ended.`;
  if (news === ACKNOWLEDGED) return `${what}: ${acknowledgement(anomaly.acknowledged)}.`;
  return `${label("severity", anomaly.severity)}: ${what}. ${anomaly.reason}`;
}

/** Announces a change once: immediately if it is critical and new, otherwise when the screen reader is idle. */
export function announce(anomaly, title = "", news = anomaly.ended === null ? BEGAN : ENDED) {
  const isUrgent = anomaly.severity === "CRITICAL" && news !== ENDED && news !== ACKNOWLEDGED;
  const place = title && `${title}: `;
  setText(element(isUrgent ? "announcement-now" : "announcement"), place + words(anomaly, news));
}

function setTime(place, time) {
  const shown = field(place, "time");
  const machine = new Date(time).toISOString();
  if (shown.dateTime !== machine) shown.dateTime = machine;
  setText(shown, timeOfDay(time));
}

/** Gives the parent exactly one child per anomaly, in the same order. */
function place(parent, children, anomalies, template, fill) {
  const wanted = new Set(anomalies.map(({ id }) => id));
  for (const [id, child] of children) {
    if (wanted.has(id)) continue;
    child.remove();
    children.delete(id);
  }
  anomalies.forEach((anomaly, position) => {
    if (!children.has(anomaly.id)) {
      children.set(anomaly.id, document.importNode(element(template).content.firstElementChild, true));
    }
    const child = children.get(anomaly.id);
    child.dataset.anomaly = anomaly.id;
    child.dataset.severity = anomaly.severity;
    setText(field(child, "type"), label("anomaly", anomaly.type));
    setText(field(child, "reason"), anomaly.reason);
    fill(child, anomaly);
    const there = parent.children[position];
    if (there !== child) parent.insertBefore(child, there ?? null);
  });
  parent.hidden = anomalies.length === 0;
}

function fillItem(item, anomaly) {
  const { began, ended } = anomaly;
  setText(field(item, "severity"), label("severity", anomaly.severity));
  const length = field(item, "length");
  field(item, "going-on").hidden = ended !== null;
  length.hidden = ended === null;
  if (ended !== null) length.querySelector("time-span").setAttribute("length", ended - began);
  setText(field(item, "acknowledged"), acknowledgement(anomaly.acknowledged));
  setTime(item, began);
}

export class Alerts {
  /**
   * Adopts what the server has rendered.
   * @param {() => number} now the server's clock
   * @param {(anomaly: object, news: string) => void} onNews called once per change
   */
  constructor(now, onNews) {
    this.now = now;
    this.onNews = onNews;
    this.byId = new Map();
    this.score = null;
    this.banners = new Map();
    this.items = new Map();
    for (const banner of element("banners").children) this.banners.set(banner.dataset.anomaly, banner);
    for (const item of element("alerts").children) this.items.set(item.dataset.anomaly, item);
  }

  /** All anomalies, newest first. */
  get all() {
    return [...this.byId.values()].sort((one, other) => other.began - one.began);
  }

  /** The open ones; there is rarely more than one. */
  get open() {
    return this.all.filter(({ ended }) => ended === null);
  }

  /** Merges changed anomalies. With `whole`, they replace the list; without `aloud`, nothing is reported. */
  take(anomalies, { whole = false, aloud = true } = {}) {
    const known = this.byId;
    if (whole) this.byId = new Map();
    for (const anomaly of anomalies) {
      const before = known.get(anomaly.id);
      const after = merge(before, anomaly);
      this.byId.set(anomaly.id, after);
      const news = aloud ? newsOf(after, before) : null;
      if (news) this.onNews(after, news);
    }
    this.show();
  }

  /** Ends every open anomaly, because the session has ended. */
  endAll(time) {
    this.take(this.open.map((anomaly) => ({ ...anomaly, ended: time })));
  }

  /** Sets the score that the banner compares with the expected one. */
  showScore(score) {
    this.score = score;
    this.show();
  }

  show() {
    const now = this.now();
    const { open } = this;
    const current = open.length ? open : this.all.filter(({ ended }) => now - ended < BANNER_LINGER);
    const fillBanner = (banner, anomaly) => this.fillBanner(banner, anomaly);
    place(element("banners"), this.banners, current, "banner-template", fillBanner);
    place(element("alerts"), this.items, this.all, "alert-template", fillItem);
    element("no-alerts").hidden = this.byId.size > 0;
  }

  fillBanner(banner, anomaly) {
    const isOver = anomaly.ended !== null;
    const time = anomaly.ended ?? anomaly.began;
    banner.dataset.state = isOver ? "over" : "open";
    banner.dataset.zone = "local";
    setText(field(banner, "severity"), isOver ? WORDS.over : label("severity", anomaly.severity));
    setText(field(banner, "current"), percent(this.score ?? anomaly.current));
    setText(field(banner, "expected"), percent(anomaly.expected));
    setText(field(banner, "moved"), anomaly.movement);
    setText(field(banner, "acknowledged"), acknowledgement(anomaly.acknowledged));
    this.fillForm(banner, anomaly);
    setText(field(banner, "word"), isOver ? WORDS.over_since : WORDS.since);
    const age = banner.querySelector("time-span");
    if (age.getAttribute("since") !== String(time)) age.setAttribute("since", time);
    setTime(banner, time);
  }

  fillForm(banner, anomaly) {
    const form = banner.querySelector("form");
    form.action = `/anomalies/${anomaly.id}/acknowledge/`;
    const hadFocus = form.contains(document.activeElement);
    form.hidden = anomaly.ended !== null || Boolean(anomaly.acknowledged);
    if (hadFocus && form.hidden) field(banner, "acknowledged").focus();
  }

  /** Whether the button that acknowledges an anomaly has the focus. */
  hasFocus({ id }) {
    const form = this.banners.get(id)?.querySelector("form");
    return form?.contains(document.activeElement) ?? false;
  }
}
