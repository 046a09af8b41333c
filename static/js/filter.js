// The overview's filter: chosen in the form, kept in the address.
import { isMatch } from "./wall.js";

export class Filter {
  /** Calls `changed` whenever the filter changes. */
  constructor(form, changed) {
    this.choice = form.elements.event;
    this.search = form.elements.q;
    const take = () => {
      this.keep();
      changed();
    };
    form.addEventListener("input", take);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      take();
    });
  }

  get event() {
    return this.choice.value === "" ? null : Number(this.choice.value);
  }

  /** The filter's value as one string. */
  get current() {
    return `${this.choice.value} ${this.search.value}`;
  }

  matches(card) {
    return isMatch(card, this.event, this.search.value);
  }

  /** Puts the filter into the address, without a history entry, and into the links of the tabs. */
  keep() {
    const address = new URL(location.href);
    for (const [name, value] of [["event", this.choice.value], ["q", this.search.value.trim()]]) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    history.replaceState(null, "", address);
    for (const tab of document.querySelectorAll(".tabs a")) tab.search = address.search;
  }

  /** Offers the events of these cards, and the selected one even if it has no live session. */
  offer(cards) {
    const titles = new Map(cards.map(({ event, eventTitle }) => [event, eventTitle]));
    const chosen = this.choice.selectedOptions[0];
    if (this.event !== null && !titles.has(this.event)) titles.set(this.event, chosen.textContent);
    const wanted = [...titles].sort(
      ([one, title], [other, otherTitle]) => title.localeCompare(otherTitle) || one - other,
    );
    const known = [...this.choice.options].slice(1).map(({ value, text }) => `${value} ${text}`);
    if (known.join("\n") === wanted.map(([key, title]) => `${key} ${title}`).join("\n")) return;
    const { value } = this.choice;
    this.choice.replaceChildren(
      this.choice.options[0],
      ...wanted.map(([key, title]) => new Option(title, key)),
    );
    this.choice.value = value;
  }
}
