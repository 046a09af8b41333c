// The system page keeps itself current, unless somebody reads in it or looks elsewhere.
import { showNumbers } from "./format.js";

const EVERY = 5_000;
const page = () => document.getElementById("system");

function isRead() {
  const { activeElement } = document;
  return page().contains(activeElement) || !getSelection().isCollapsed || document.hidden;
}

function showTimes() {
  for (const time of document.querySelectorAll("#system time")) {
    time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}

async function renew() {
  if (isRead()) return;
  try {
    const response = await fetch(location.href, { signal: AbortSignal.timeout(EVERY) });
    if (!response.ok) throw new Error(response.statusText);
    const next = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("system");
    if (!next) return location.reload();
    page().replaceWith(next);
    showTimes();
    showNumbers();
  } catch {
    page().dataset.stale = "";
  }
}

showTimes();
showNumbers();
setInterval(renew, EVERY);
