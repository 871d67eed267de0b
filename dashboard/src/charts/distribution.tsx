import type { JSX } from "preact";
import { quantity, score, share } from "../format";
import { useWidth } from "../hooks";
import type { Feature, Histogram } from "../types";
import { Key, LEFT, RIGHT, line, ticks } from "./axes";

export interface Shape {
  edges: number[];
  baseline: number[];
  window: number[];
}

/** A numeric histogram as shares with finite edges, or null if it cannot be drawn. */
export function shape(histogram: Histogram | null | undefined): Shape | null {
  const edges = histogram?.edges;
  if (!edges || edges.length < 2 || edges.length !== histogram.baseline.length + 1) return null;
  const finite = edges.filter((edge): edge is number => edge !== null && Number.isFinite(edge));
  if (finite.length === 0) return null;
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const step = finite.length > 1 ? (high - low) / (finite.length - 1) || 1 : 1;
  const closed = edges.map((edge, index) => (edge !== null && Number.isFinite(edge) ? edge : index === 0 ? low - step : high + step));
  return { edges: closed, baseline: shares(histogram.baseline), window: shares(histogram.window) };
}

export function shares(values: number[]): number[] {
  const total = values.reduce((sum, value) => sum + value, 0);
  return total > 0 ? values.map((value) => value / total) : values.map(() => 0);
}

export interface Gap {
  index: number;
  at: number;
  baseline: number;
  window: number;
}

/** The edge at which the cumulative curves are farthest apart. */
export function widestGap({ edges, baseline, window }: Shape): Gap {
  const widest: Gap = { index: 1, at: edges[1]!, baseline: 0, window: 0 };
  let before = 0;
  let now = 0;
  baseline.forEach((value, index) => {
    before += value;
    now += window[index]!;
    if (Math.abs(before - now) > Math.abs(widest.baseline - widest.window) + 1e-12)
      Object.assign(widest, { index: index + 1, at: edges[index + 1]!, baseline: before, window: now });
  });
  return widest;
}

/** Whether an outermost bar is so much taller than its neighbour that it probably holds a tail. */
function overflows({ baseline, window }: Shape): boolean {
  const stands = (values: number[]): boolean => values.length > 4 && (values.at(-1)! > 1.5 * values.at(-2)! || values[0]! > 1.5 * values[1]!);
  return stands(baseline) || stands(window);
}

/** Heights to draw: shares if all bins have one width, otherwise densities, so that areas stay proportional. */
export function heights(drawn: Shape): { baseline: number[]; window: number[]; even: boolean } {
  const widths = drawn.edges.slice(1).map((edge, index) => edge - drawn.edges[index]!);
  const inner = widths.length > 2 ? widths.slice(1, -1) : widths;
  const even = Math.max(...inner) <= 1.6 * Math.min(...inner);
  if (even) return { baseline: drawn.baseline, window: drawn.window, even };
  const floor = (drawn.edges.at(-1)! - drawn.edges[0]!) / 200;
  const dense = (values: number[]): number[] => values.map((value, index) => value / Math.max(widths[index]!, floor));
  return { baseline: dense(drawn.baseline), window: dense(drawn.window), even };
}

export function outline(edges: number[], values: number[], x: (value: number) => number, y: (value: number) => number): [number, number][] {
  const places: [number, number][] = [[x(edges[0]!), y(0)]];
  values.forEach((value, index) => places.push([x(edges[index]!), y(value)], [x(edges[index + 1]!), y(value)]));
  places.push([x(edges.at(-1)!), y(0)]);
  return places;
}

/** Baseline and window on one axis: distributions above, cumulative curves below. */
export function Distributions({ feature, drawn }: { feature: Feature; drawn: Shape }): JSX.Element {
  const [box, width] = useWidth();
  const gap = widestGap(drawn);
  const tall = heights(drawn);
  const above = 150;
  const below = 170;
  const between = 40;
  const height = 12 + above + between + below + 26;
  const low = drawn.edges[0]!;
  const high = drawn.edges.at(-1)!;
  const x = (value: number): number => LEFT + ((value - low) / (high - low || 1)) * (width - LEFT - RIGHT);
  const top = Math.max(...tall.baseline, ...tall.window, 1e-9) * 1.06;
  const yAbove = (value: number): number => 12 + above - (value / top) * above;
  const yBelow = (value: number): number => 12 + above + between + below - value * below;
  const cumulative = (values: number[]): [number, number][] => {
    let sum = 0;
    return [[x(low), yBelow(0)], ...values.map((value, index): [number, number] => [x(drawn.edges[index + 1]!), yBelow((sum += value))])];
  };
  const gapX = x(gap.at);
  const size = feature.kind || feature.drift_score === null ? Math.abs(gap.baseline - gap.window) : feature.drift_score;
  // The label goes above the curves on the left of the gap, or below them on the right: both places are empty.
  const onLeft = gapX > LEFT + 84;
  const [upper, lower] = [Math.max(gap.baseline, gap.window), Math.min(gap.baseline, gap.window)];
  const across = ticks(low, high, Math.max(2, Math.floor(width / 110)));
  const summary =
    `Baseline against window. The cumulative curves differ most at ${quantity(gap.at)}, by ${score(size)}: ` +
    `${share(gap.baseline)} of the baseline and ${share(gap.window)} of the window lie at or below it.`;
  return (
    <figure class="chart">
      <Key>
        <span class="swatch baseline" /> baseline <span class="swatch window" /> window
      </Key>
      <div ref={box}>
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={summary}>
            <text x={LEFT} y="9" class="caption">
              {tall.even ? "Share of values" : "Density of values"}
            </text>
            {tall.even &&
              ticks(0, top, 3).slice(1).map((tick) => (
                <g key={tick}>
                  <line x1={LEFT} x2={width - RIGHT} y1={yAbove(tick)} y2={yAbove(tick)} class="grid" />
                  <text x={LEFT - 6} y={yAbove(tick) + 4} class="tick end">{`${Number((tick * 100).toFixed(1))}%`}</text>
                </g>
              ))}
            <path d={line(outline(drawn.edges, tall.baseline, x, yAbove))} class="area baseline" />
            <path d={line(outline(drawn.edges, tall.window, x, yAbove))} class="area window" />
            <line x1={LEFT} x2={width - RIGHT} y1={yAbove(0)} y2={yAbove(0)} class="axis" />

            <text x={LEFT} y={12 + above + between - 9} class="caption">
              Share at or below
            </text>
            {[0, 0.5, 1].map((tick) => (
              <g key={tick}>
                <line x1={LEFT} x2={width - RIGHT} y1={yBelow(tick)} y2={yBelow(tick)} class={tick ? "grid" : "axis"} />
                <text x={LEFT - 6} y={yBelow(tick) + 4} class="tick end">{`${tick * 100}%`}</text>
              </g>
            ))}
            <line x1={gapX} x2={gapX} y1="12" y2={yBelow(0)} class="guide" />
            <path d={line(cumulative(drawn.baseline))} class="curve baseline" />
            <path d={line(cumulative(drawn.window))} class="curve window" />
            <line x1={gapX} x2={gapX} y1={yBelow(gap.baseline)} y2={yBelow(gap.window)} class="gap" />
            {[gap.baseline, gap.window].map((value, index) => (
              <line key={index} x1={gapX - 5} x2={gapX + 5} y1={yBelow(value)} y2={yBelow(value)} class="gap" />
            ))}
            <text
              x={gapX + (onLeft ? -10 : 10)}
              y={onLeft ? Math.max(yBelow(1) + 12, yBelow(upper) + 5) : Math.min(yBelow(0) - 6, yBelow(lower) + 14)}
              class={`gapmark ${onLeft ? "end" : ""}`}
            >
              D = {score(size)}
            </text>
            {across.map((tick) => (
              <g key={tick}>
                <line x1={x(tick)} x2={x(tick)} y1={yBelow(0)} y2={yBelow(0) + 4} class="axis" />
                <text x={x(tick)} y={height - 6} class="tick middle">
                  {quantity(tick)}
                </text>
              </g>
            ))}
          </svg>
        )}
      </div>
      <figcaption>
        The cumulative curves differ most at <b>{quantity(gap.at)}</b>: {share(gap.baseline)} of the baseline and {share(gap.window)} of the window lie at or below it.
        {overflows(drawn) && " The outermost bars include all values beyond them."}
      </figcaption>
    </figure>
  );
}
