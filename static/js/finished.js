// The finished sessions: times as the viewer's clock and language have them.
import { moment, setText } from "./format.js";

for (const time of document.querySelectorAll("time[datetime]")) {
  setText(time, moment(Date.parse(time.dateTime)));
}
