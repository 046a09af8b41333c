// Light or dark: by the system's preference, or as chosen in the header. Runs before the first paint.
(() => {
  const KEY = "theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      const theme = localStorage.getItem(KEY);
      return theme === "light" || theme === "dark" ? theme : "auto";
    } catch {
      return "auto"; // a browser that keeps nothing
    }
  }

  function keep(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // It lasts as long as the page.
    }
  }

  function apply(theme) {
    root.dataset.theme = theme;
    const choice = document.getElementById("theme");
    if (choice) choice.value = theme;
    // What is drawn on a canvas has to be drawn again.
    document.dispatchEvent(new Event("themechange"));
  }

  apply(chosen());
  system.addEventListener("change", () => apply(root.dataset.theme));
  addEventListener("storage", ({ key }) => key === KEY && apply(chosen()));
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    if (!choice) return; // a popup of the admin
    choice.value = root.dataset.theme;
    choice.addEventListener("change", () => {
      keep(choice.value);
      apply(choice.value);
    });
  });
})();
