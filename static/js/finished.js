// The finished sessions: times and numbers as the viewer's clock and language have them.
import { moment, setText, showNumbers } from "./format.js";

for (const time of document.querySelectorAll("time[datetime]")) {
  setText(time, moment(Date.parse(time.dateTime)));
}
showNumbers();
