// What the viewer has chosen in the page's menu, kept in this browser only.

const PREFIX = "session.";

/** A checkbox of the menu; where nothing is kept it stays as the page has it. */
export class Preference {
  constructor(name) {
    this.box = document.getElementById(`preference-${name}`);
    this.key = PREFIX + name;
    try {
      const kept = localStorage.getItem(this.key);
      if (kept !== null) this.box.checked = kept === "on";
    } catch {
      // A browser that keeps nothing: the choice lasts as long as the page.
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

/** Lets a menu, which is a <details>, close as menus do. */
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
