// Light or dark: as the system prefers, or as chosen in the header. Runs before the first paint.
(() => {
  const KEY = "theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      const theme = localStorage.getItem(KEY);
      return theme === "light" || theme === "dark" ? theme : "auto";
    } catch {
      return "auto"; // the browser stores nothing
    }
  }

  function store(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // The choice lasts as long as the page.
    }
  }

  function apply(theme) {
    root.dataset.theme = theme;
    const choice = document.getElementById("theme");
    if (choice) choice.value = theme;
    // Canvases have to be redrawn.
    document.dispatchEvent(new Event("themechange"));
  }

  apply(chosen());
  system.addEventListener("change", () => apply(root.dataset.theme));
  addEventListener("storage", ({ key }) => key === KEY && apply(chosen()));
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    if (!choice) return; // a popup window of the admin
    choice.value = root.dataset.theme;
    choice.addEventListener("change", () => {
      store(choice.value);
      apply(choice.value);
    });
  });
})();
