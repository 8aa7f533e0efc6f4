// Runs before the first paint: a theme that the reader chose wins over the system's.
(() => {
  try {
    const chosen = localStorage.getItem("slipway.theme");
    if (chosen === "light" || chosen === "dark") {
      document.documentElement.dataset.theme = chosen;
    }
  } catch {
    // No storage, no choice.
  }
})();
