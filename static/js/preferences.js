// The viewer's choices in the page's menu, stored in this browser only.

const PREFIX = "session.";

/** A checkbox of the menu; it keeps the page's default if nothing is stored. */
export class Preference {
  constructor(name) {
    this.box = document.getElementById(`preference-${name}`);
    this.key = PREFIX + name;
    try {
      const kept = localStorage.getItem(this.key);
      if (kept !== null) this.box.checked = kept === "on";
    } catch {
      // The browser stores nothing: the choice lasts as long as the page.
    }
    this.box.addEventListener("change", () => this.keep());
  }

  get on() {
    return this.box.checked;
  }

  set on(value) {
    this.box.checked = value;
    this.keep();
  }

  keep() {
    try {
      localStorage.setItem(this.key, this.on ? "on" : "off");
    } catch {
      // As above.
    }
  }
}

/** Makes a <details> close as a menu does: on Escape, on a click outside, and when it loses the focus. */
export function closeLikeMenu(menu) {
  const close = () => {
    menu.open = false;
  };
  document.addEventListener("pointerdown", ({ target }) => menu.contains(target) || close());
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    close();
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !menu.contains(relatedTarget)) close();
  });
}
