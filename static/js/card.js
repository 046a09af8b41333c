// A session's card on the overview: takes updates as they arrive, and draws them once per frame.
import "./elements.js";
import { merge, newsOf } from "./anomalies.js";
import { acknowledgement, setText, showPause, whole } from "./format.js";
import { TICK, label } from "./presentation.js";
import { appended } from "./wall.js";

const STALE_AFTER = 15_000;
const FIELDS = [
  "alert", "severity", "type", "acknowledged", "began", "title", "event", "pause", "score", "trend", "category", "curve",
  "people", "chat", "age",
];

/** Whether a card of this age, in milliseconds, is out of date. */
export const isStale = (age) => age > STALE_AFTER;

export class Card {
  /** Adopts an element that the server has rendered, or a copy of its template. */
  constructor(element, id) {
    this.element = element;
    this.id = id;
    const field = (name) => [name, element.querySelector(`[data-field="${name}"]`)];
    this.fields = Object.fromEntries(FIELDS.map(field));
    element.dataset.session = id;
    this.fields.title.href = `/sessions/${id}/`;
    this.title = this.eventTitle = "";
    this.event = null;
    this.point = null;
    this.scores = [];
    this.anomaly = null;
    this.pause = null;
    this.measuredAt = null;
    this.changed = true;
    // What has been written to the page, because reading it back from the DOM is slow.
    this.written = {};
    // The filter value by which the card was last shown or hidden.
    this.filteredBy = null;
  }

  /** Takes the session's complete state from a snapshot; `now` is the server's clock. */
  take(data, now) {
    this.title = data.title;
    this.event = data.event;
    this.eventTitle = data.event_title;
    this.filteredBy = null;
    this.anomaly = data.anomaly;
    const isOlder = this.point !== null && !(data.point?.time >= this.point.time);
    if (!isOlder) {
      this.pause = data.pause;
      this.point = data.point;
      this.scores = data.scores;
    }
    if (this.point) this.setAge(now);
    this.changed = true;
  }

  /** Takes the point of one tick; one that is not newer is ignored. */
  takePoint(point, now) {
    if (this.point && point.time <= this.point.time) return;
    const steps = this.point ? Math.round((point.time - this.point.time) / TICK) : 1;
    this.scores = appended(this.scores, point.percent, steps);
    this.point = point;
    this.pause = point.pause;
    this.setAge(now);
    this.changed = true;
  }

  setAge(now) {
    this.measuredAt = performance.now() - Math.max(0, now - this.point.time);
  }

  /** Takes a change of an anomaly; returns the kind of change, or null if none is worth reporting. */
  takeAnomaly(anomaly) {
    const known = this.anomaly?.id === anomaly.id ? this.anomaly : undefined;
    // The end of an anomaly other than the one shown is irrelevant.
    if (anomaly.ended !== null && !known) return null;
    const merged = merge(known, anomaly);
    this.anomaly = merged.ended === null ? merged : null;
    this.changed = true;
    return newsOf(merged, known);
  }

  /** Age of the score in milliseconds; null without a score. */
  get age() {
    return this.measuredAt === null ? null : performance.now() - this.measuredAt;
  }

  /** Draws what has changed, and the age, which always changes. */
  draw() {
    if (this.changed) this.drawAll();
    this.changed = false;
    const { age } = this;
    if (age === null) return;
    const stale = isStale(age);
    this.once("stale", stale, () => this.element.classList.toggle("stale", stale));
    this.write("age", stale ? `${Math.round(age / 1000)} s ago` : "now");
  }

  /** Hides the card unless it matches the filter, whose value is `choice`. */
  applyFilter(filter, choice) {
    if (this.filteredBy === choice) return;
    this.filteredBy = choice;
    this.element.hidden = !filter.matches(this);
  }

  drawAll() {
    const { element, fields, point, anomaly } = this;
    this.write("title", this.title);
    this.write("event", this.eventTitle);
    this.once("pause", this.pause, () => showPause(fields.pause, this.pause));
    this.mark(element, "severity", anomaly?.severity);
    this.once("alert", anomaly === null, () => (fields.alert.hidden = anomaly === null));
    this.write("severity", label("severity", anomaly?.severity));
    this.write("type", label("anomaly", anomaly?.type));
    if (anomaly) this.once("began", anomaly.began, () => fields.began.setAttribute("since", anomaly.began));
    this.write("acknowledged", acknowledgement(anomaly?.acknowledged));
    this.mark(element, "category", point?.category);
    this.write("score", whole(point?.percent));
    this.write("category", label("category", point?.category));
    this.write("people", whole(point?.signals.active_users));
    this.write("chat", whole(point?.signals.chat_msgs_per_min));
    fields.trend.show(this.scores);
    fields.curve.show(this.scores);
  }

  write(name, text) {
    this.once(`text ${name}`, text, () => setText(this.fields[name], text));
  }

  mark(element, name, value = "") {
    this.once(`data ${name}`, value, () => (element.dataset[name] = value ?? ""));
  }

  /** Calls `write` if `value` differs from what was last written. */
  once(name, value, write) {
    if (this.written[name] === value) return;
    this.written[name] = value;
    write();
  }
}
