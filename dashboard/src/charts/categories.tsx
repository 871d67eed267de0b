import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { asDocument } from "../document";
import { points, share } from "../format";
import { useStore } from "../store";
import type { Histogram } from "../types";
import { category } from "../words";
import { Key } from "./axes";
import { SIDES, shares } from "./distribution";
import type { Sides } from "./distribution";

/** Shares of each category or boolean, as two bars per value. fresh: examples of values that the baseline lacks. */
export function Categories({ histogram, sides = SIDES, fresh = [] }: { histogram: Histogram; sides?: Sides; fresh?: string[] }): JSX.Element {
  const [all, setAll] = useState(false);
  const before = shares(histogram.baseline);
  const now = shares(histogram.window);
  const names = histogram.categories ?? before.map((_, index) => `bin ${index + 1}`);
  const widest = Math.max(...before, ...now, 1e-9);
  const paper = useStore(asDocument);
  const shown = all || paper ? names : names.slice(0, 12);
  return (
    <figure class="chart">
      <Key>
        <span class="swatch baseline" /> {sides.baseline} <span class="swatch window" /> {sides.window}
      </Key>
      <table class="categories free">
        <thead>
          <tr>
            <th scope="col">Value</th>
            <th scope="col">
              <span class="hidden">Histogram</span>
            </th>
            <th scope="col" class="number">{sides.baseline === "baseline" ? "Baseline" : "Usual"}</th>
            <th scope="col" class="number">{sides.window === "window" ? "Window" : "Now"}</th>
            <th scope="col" class="number">Change</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((name, index) => {
            const [a, b] = [before[index] ?? 0, now[index] ?? 0];
            return (
              <tr key={index}>
                <th scope="row" class={name.startsWith("__") ? "muted" : ""}>
                  {category(name)}
                  {name === "__new__" && fresh.length > 0 && (
                    <>
                      : <b class="warn">{fresh.map(category).join(", ")}</b>
                    </>
                  )}
                </th>
                <td aria-hidden="true">
                  <span class="bar baseline" style={{ width: `${(a / widest) * 100}%` }} />
                  <span class="bar window" style={{ width: `${(b / widest) * 100}%` }} />
                </td>
                <td class="number">{share(a)}</td>
                <td class="number">{share(b)}</td>
                <td class={`number ${Math.abs(b - a) >= 0.02 ? "strong" : "muted"}`}>{points(b - a)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {names.length > shown.length && (
        <button type="button" class="small" onClick={() => setAll(true)}>
          Show all {names.length}
        </button>
      )}
    </figure>
  );
}
