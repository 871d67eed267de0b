import type { JSX } from "preact";
import type { Histogram } from "../types";
import { line } from "./axes";
import { heights, outline, shape, shares } from "./distribution";

/** A small histogram of baseline and window for a table row. */
export function Miniature({ histogram, width = 96, height = 26 }: { histogram: Histogram | null | undefined; width?: number; height?: number }): JSX.Element | null {
  if (!histogram || histogram.baseline.length === 0) return null;
  const drawn = shape(histogram);
  const tall = drawn ? heights(drawn) : { baseline: shares(histogram.baseline).slice(0, 12), window: shares(histogram.window).slice(0, 12) };
  const top = Math.max(...tall.baseline, ...tall.window, 1e-9);
  const y = (value: number): number => height - 1 - (value / top) * (height - 3);
  if (!drawn) {
    const step = width / tall.baseline.length;
    return (
      <svg width={width} height={height} class="miniature" aria-hidden="true">
        {tall.baseline.map((value, index) => (
          <g key={index}>
            <rect x={index * step + 1} width={Math.max(1, step * 0.4)} y={y(value)} height={height - 1 - y(value)} class="fill baseline" />
            <rect x={index * step + 1 + step * 0.42} width={Math.max(1, step * 0.4)} y={y(tall.window[index] ?? 0)} height={height - 1 - y(tall.window[index] ?? 0)} class="fill window" />
          </g>
        ))}
      </svg>
    );
  }
  const low = drawn.edges[0]!;
  const x = (value: number): number => ((value - low) / (drawn.edges.at(-1)! - low || 1)) * width;
  return (
    <svg width={width} height={height} class="miniature" aria-hidden="true">
      <path d={line(outline(drawn.edges, tall.baseline, x, y))} class="area baseline" />
      <path d={line(outline(drawn.edges, tall.window, x, y))} class="area window" />
    </svg>
  );
}
