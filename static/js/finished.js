// The list of finished sessions: times and numbers in the viewer's time zone and locale.
import { moment, setText, showNumbers } from "./format.js";

for (const time of document.querySelectorAll("time[datetime]")) {
  setText(time, moment(Date.parse(time.dateTime)));
}
showNumbers();
