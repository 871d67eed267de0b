export type Theme = "system" | "light" | "dark";

const NAME = "driftguard.theme";

export function theme(): Theme {
  const kept = localStorage.getItem(NAME);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function applyTheme(chosen: Theme = theme()): void {
  if (chosen === "system") {
    localStorage.removeItem(NAME);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(NAME, chosen);
    document.documentElement.dataset.theme = chosen;
  }
}
