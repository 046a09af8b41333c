// The chart on an anomaly's admin page: score and signals around the time it was raised.

import { colour, onColoursChanged } from "./colours.js";
import { SIGNALS } from "./presentation.js";

const LINES = [
  { name: "score", token: "--course-score", width: 3 },
  { name: "active_users", token: "--course-people", width: 1.5 },
  { name: "chat_msgs_per_min", token: "--course-chat", width: 1.5 },
  { name: "reactions_per_min", token: "--course-reactions", width: 1.5 },
];
const SCORE = "Score";
const EXPECTED = "Expected score";
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

const canvas = document.getElementById("anomaly-chart");
const course = JSON.parse(document.getElementById("course-data").textContent);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** One line of the chart: the score as is, a signal as a share of its maximum. */
function dataset({ name, token, width }, index) {
  const maximum = name === "score" ? 1 : Math.max(1, ...course.points.map((point) => point[name]));
  return {
    label: SIGNALS[name] ?? SCORE,
    data: course.points.map((point) => ({ x: point.time, y: point[name] / maximum, value: point[name] })),
    borderColor: colour(token),
    backgroundColor: colour(token),
    borderWidth: width,
    borderDash: DASHES[index],
    pointRadius: 0,
    pointHitRadius: 8,
  };
}

/** A horizontal line at the score that was expected when the anomaly was raised. */
function expected() {
  return {
    label: EXPECTED,
    data: [course.start, course.end].map((x) => ({ x, y: course.expected })),
    borderColor: colour("--course-score"),
    backgroundColor: colour("--course-score"),
    borderWidth: 1,
    borderDash: [2, 4],
    pointRadius: 0,
    pointHitRadius: 0,
  };
}

/** A band over the time the anomaly lasted, and a line where it was raised. */
const band = {
  id: "band",
  beforeDatasetsDraw({ ctx, chartArea: { top, bottom, right }, scales: { x } }) {
    const start = x.getPixelForValue(course.raised);
    const end = course.over === null ? right : Math.min(right, x.getPixelForValue(course.over));
    ctx.save();
    ctx.fillStyle = colour("--course-band");
    ctx.fillRect(start, top, Math.max(0, end - start), bottom - top);
    ctx.fillStyle = colour("--course-raised");
    ctx.fillRect(start - 1, top, 2, bottom - top);
    ctx.restore();
  },
};

function draw() {
  const text = colour("--muted");
  const grid = { color: colour("--edge") };
  return new globalThis.Chart(canvas, {
    type: "line",
    data: { datasets: [...LINES.map(dataset), expected()] },
    options: {
      animation: false,
      parsing: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: {
          type: "linear",
          min: course.start,
          max: course.end,
          grid,
          ticks: { color: text, maxRotation: 0, autoSkipPadding: 24, stepSize: 60_000, callback: (time) => clock.format(time) },
        },
        y: { min: 0, max: 1, grid, ticks: { color: text, callback: (share) => `${Math.round(share * 100)} %` } },
      },
      plugins: {
        legend: { labels: { color: text } },
        tooltip: {
          filter: ({ dataset: { label } }) => label !== EXPECTED,
          callbacks: {
            title: ([item]) => clock.format(item.raw.x),
            label: ({ dataset: { label }, raw: { y, value } }) =>
              label === SCORE ? `${label}: ${Math.round(y * 100)} %` : `${label}: ${Math.round(value * 10) / 10}`,
          },
        },
      },
    },
    plugins: [band],
  });
}

if (course.points.length > 0) {
  let chart = draw();
  canvas.dataset.drawn = "";
  const redraw = () => {
    chart.destroy();
    chart = draw();
  };
  onColoursChanged(redraw);
}
