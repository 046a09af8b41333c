// The system page refreshes itself, except while it is hidden, has the focus, or has text selected.
import { showNumbers } from "./format.js";

const INTERVAL = 5_000;
const page = () => document.getElementById("system");

function isInUse() {
  const { activeElement } = document;
  return page().contains(activeElement) || !getSelection().isCollapsed || document.hidden;
}

function showTimes() {
  for (const time of document.querySelectorAll("#system time")) {
    time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}

async function refresh() {
  if (isInUse()) return;
  try {
    const response = await fetch(location.href, { signal: AbortSignal.timeout(INTERVAL) });
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
setInterval(refresh, INTERVAL);
