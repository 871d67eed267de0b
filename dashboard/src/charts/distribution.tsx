import type { JSX } from "preact";
import { quantities, quantity, score, share } from "../format";
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

/** Heights of the two plots and of the caption between them, in pixels. */
const [ABOVE, BETWEEN, BELOW] = [150, 40, 170];
const TOP = 12;
const MIDDLE = TOP + ABOVE + BETWEEN;

/** What the two sides of a comparison are called. */
export interface Sides {
  baseline: string;
  window: string;
}

export const SIDES: Sides = { baseline: "baseline", window: "window" };

/** Baseline and window on one axis: distributions above, cumulative curves below. */
export function Distributions({ feature, drawn, sides = SIDES }: { feature: Pick<Feature, "at" | "kind" | "drift_score">; drawn: Shape; sides?: Sides }): JSX.Element {
  const [box, width] = useWidth();
  // A report knows the place of D from all its bins. Alerts of older versions have only the bars.
  const gap = feature.at ? { index: 0, at: feature.at.value, baseline: feature.at.baseline, window: feature.at.window } : widestGap(drawn);
  const place = feature.at?.words ?? `${quantity(gap.at)} or less`;
  const height = MIDDLE + BELOW + 26;
  const low = drawn.edges[0]!;
  const high = drawn.edges.at(-1)!;
  const x = (value: number): number => LEFT + Math.min(1, Math.max(0, (value - low) / (high - low || 1))) * (width - LEFT - RIGHT);
  const size = feature.kind || feature.drift_score === null ? Math.abs(gap.baseline - gap.window) : feature.drift_score;
  const across = ticks(low, high, Math.max(2, Math.floor(width / 110)));
  const labels = quantities(across);
  const summary =
    `${sides.baseline.charAt(0).toUpperCase()}${sides.baseline.slice(1)} against ${sides.window}. The cumulative curves differ most, by ${score(size)}, in the values of ${place}: ` +
    `${share(gap.baseline)} of the ${sides.baseline} and ${share(gap.window)} of the ${sides.window}.`;
  return (
    <figure class="chart">
      <Key>
        <span class="swatch baseline" /> {sides.baseline} <span class="swatch window" /> {sides.window}
      </Key>
      <div ref={box}>
        {width > 0 && (
          <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={summary}>
            <Densities drawn={drawn} width={width} x={x} />
            <Cumulative drawn={drawn} width={width} x={x} gap={gap} size={size} />
            {across.map((tick, index) => (
              <g key={tick}>
                <line x1={x(tick)} x2={x(tick)} y1={MIDDLE + BELOW} y2={MIDDLE + BELOW + 4} class="axis" />
                <text x={x(tick)} y={height - 6} class="tick middle">
                  {labels[index]}
                </text>
              </g>
            ))}
          </svg>
        )}
      </div>
      <figcaption>
        The cumulative curves differ most in the values of <b>{place}</b>: {share(gap.baseline)} of the {sides.baseline} and {share(gap.window)} of the {sides.window}.
        {overflows(drawn) && " The outermost bars include all values beyond them."}
      </figcaption>
    </figure>
  );
}

/** The distributions, as shares or densities. */
function Densities({ drawn, width, x }: { drawn: Shape; width: number; x: (value: number) => number }): JSX.Element {
  const tall = heights(drawn);
  const top = Math.max(...tall.baseline, ...tall.window, 1e-9) * 1.06;
  const y = (value: number): number => TOP + ABOVE - (value / top) * ABOVE;
  return (
    <>
      <text x={LEFT} y="9" class="caption">
        {tall.even ? "Share of values" : "Density of values"}
      </text>
      {tall.even &&
        ticks(0, top, 3).slice(1).map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} class="grid" />
            <text x={LEFT - 6} y={y(tick) + 4} class="tick end">{`${Number((tick * 100).toFixed(1))}%`}</text>
          </g>
        ))}
      <path d={line(outline(drawn.edges, tall.baseline, x, y))} class="area baseline" />
      <path d={line(outline(drawn.edges, tall.window, x, y))} class="area window" />
      <line x1={LEFT} x2={width - RIGHT} y1={y(0)} y2={y(0)} class="axis" />
    </>
  );
}

/** The cumulative curves, with a mark where they differ most. */
function Cumulative({
  drawn,
  width,
  x,
  gap,
  size,
}: {
  drawn: Shape;
  width: number;
  x: (value: number) => number;
  gap: Gap;
  size: number | null | undefined;
}): JSX.Element {
  const y = (value: number): number => MIDDLE + BELOW - value * BELOW;
  const curve = (values: number[]): [number, number][] => {
    let sum = 0;
    return [[x(drawn.edges[0]!), y(0)], ...values.map((value, index): [number, number] => [x(drawn.edges[index + 1]!), y((sum += value))])];
  };
  const gapX = x(gap.at);
  // The label goes above the curves on the left of the gap, or below them on the right: both places are empty.
  const onLeft = gapX > LEFT + 84;
  const [upper, lower] = [Math.max(gap.baseline, gap.window), Math.min(gap.baseline, gap.window)];
  return (
    <>
      <text x={LEFT} y={MIDDLE - 9} class="caption">
        Share at or below
      </text>
      {[0, 0.5, 1].map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} class={tick ? "grid" : "axis"} />
          <text x={LEFT - 6} y={y(tick) + 4} class="tick end">{`${tick * 100}%`}</text>
        </g>
      ))}
      <line x1={gapX} x2={gapX} y1={TOP} y2={y(0)} class="guide" />
      <path d={line(curve(drawn.baseline))} class="curve baseline" />
      <path d={line(curve(drawn.window))} class="curve window" />
      <line x1={gapX} x2={gapX} y1={y(gap.baseline)} y2={y(gap.window)} class="gap" />
      {[gap.baseline, gap.window].map((value, index) => (
        <line key={index} x1={gapX - 5} x2={gapX + 5} y1={y(value)} y2={y(value)} class="gap" />
      ))}
      <text
        x={gapX + (onLeft ? -10 : 10)}
        y={onLeft ? Math.max(y(1) + 12, y(upper) + 5) : Math.min(y(0) - 6, y(lower) + 14)}
        class={`gapmark ${onLeft ? "end" : ""}`}
      >
        D = {score(size)}
      </text>
    </>
  );
}
