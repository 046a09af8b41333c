// A session's report: its chart, times and numbers in the viewer's locale, printing, and downloads of a time range.
import { ScoreChart } from "./chart.js";
import { moment, setText, showNumbers, timeOfDay } from "./format.js";

const element = (id) => document.getElementById(id);
const timeline = JSON.parse(element("timeline").textContent);
const sameDay = (one, other) => new Date(one).toDateString() === new Date(other).toDateString();

/** Shows times in the viewer's zone; those on the day the session began need no date. */
function showTimes() {
  const [first, ...others] = document.querySelectorAll("time[datetime]");
  const start = Date.parse(first.dateTime);
  setText(first, moment(start));
  for (const time of others) {
    const instant = Date.parse(time.dateTime);
    setText(time, sameDay(start, instant) ? timeOfDay(instant) : moment(instant));
  }
}

function showChart() {
  const canvas = element("chart");
  if (!canvas || timeline.points.length === 0) return;
  new ScoreChart(canvas).show(timeline);
}

/** Puts the chosen time range into the download links. */
function limitDownloads() {
  const form = element("range");
  const ends = ["from", "to"].map((name) => form.elements[name]);
  const [from, to] = ends.map((input) => (input.value ? new Date(input.value) : null));
  const isBackwards = from !== null && to !== null && to < from;
  ends[1].setCustomValidity(isBackwards ? "The end is before the start." : "");
  for (const link of document.querySelectorAll("[data-download]")) {
    const address = new URL(link.href);
    for (const [name, time] of [["from", from], ["to", to]]) {
      if (time && !isBackwards) address.searchParams.set(name, time.toISOString());
      else address.searchParams.delete(name);
    }
    link.href = address;
  }
  const parts = [from && `from ${moment(from)}`, to && `to ${moment(to)}`].filter(Boolean);
  const text = parts.length ? parts.join(" ") : "The whole session";
  setText(element("range-hint"), isBackwards ? "The end is before the start: downloading the whole session" : text);
}

showTimes();
showNumbers();
showChart();
const print = element("print");
print.hidden = false;
print.addEventListener("click", () => globalThis.print());
element("range").hidden = false;
element("range").addEventListener("input", limitDownloads);
element("range").addEventListener("submit", (event) => event.preventDefault());
limitDownloads();
