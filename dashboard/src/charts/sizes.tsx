import type { JSX } from "preact";
import { count, plural, quantities, share } from "../format";
import { useWidth } from "../hooks";
import type { Performance } from "../types";
import { Key, LEFT, RIGHT, line, ticks } from "./axes";
import { outline, shares } from "./distribution";

type Counts = NonNullable<Performance["scores"]>;

const [TOP, HEIGHT, BOTTOM] = [22, 200, 40];

/** The scores of negatives and positives. The better the model separates them, the less they overlap. */
export function ScoresByLabel({ scores, threshold }: { scores: Counts; threshold: number }): JSX.Element {
  const [box, width] = useWidth();
  const negatives = shares(scores.counts.negatives ?? []);
  const positives = shares(scores.counts.positives ?? []);
  const sizes = (["negatives", "positives"] as const).map((name) => (scores.counts[name] ?? []).reduce((total, n) => total + n, 0));
  const top = Math.max(...negatives, ...positives, 1e-9) * 1.06;
  const x = (value: number): number => LEFT + value * (width - LEFT - RIGHT);
  const y = (value: number): number => TOP + HEIGHT - (value / top) * HEIGHT;
  const overlap = negatives.reduce((sum, value, index) => sum + Math.min(value, positives[index] ?? 0), 0);
  return (
    <figure class="chart">
      <Key>
        <span class="swatch baseline" /> negative <span class="swatch window" /> positive
      </Key>
      <div ref={box}>
        {width > 0 && (
          <svg width={width} height={TOP + HEIGHT + BOTTOM} viewBox={`0 0 ${width} ${TOP + HEIGHT + BOTTOM}`} role="img" aria-label={`Scores of ${plural(sizes[0]!, "negative")} and ${plural(sizes[1]!, "positive")}. The histograms overlap by ${share(overlap)}.`}>
            <text x={LEFT} y="9" class="caption">
              Share of each label
            </text>
            <Shares width={width} y={y} top={top} />
            <path d={line(outline(scores.edges, negatives, x, y))} class="area baseline" />
            <path d={line(outline(scores.edges, positives, x, y))} class="area window" />
            <line x1={LEFT} x2={width - RIGHT} y1={y(0)} y2={y(0)} class="axis" />
            <line x1={x(threshold)} x2={x(threshold)} y1={TOP} y2={y(0)} class="limit" />
            <text x={x(threshold) + (threshold > 0.7 ? -5 : 5)} y={TOP + 10} class={`tick limit ${threshold > 0.7 ? "end" : ""}`}>
              threshold {threshold}
            </text>
            {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
              <text key={tick} x={x(tick)} y={TOP + HEIGHT + 17} class="tick middle">
                {tick}
              </text>
            ))}
            <text x={(LEFT + width - RIGHT) / 2} y={TOP + HEIGHT + 34} class="tick middle">
              score
            </text>
          </svg>
        )}
      </div>
      <figcaption>
        {plural(sizes[0]!, "negative")} and {plural(sizes[1]!, "positive")}. The histograms overlap by <b>{share(overlap)}</b>; the less, the better the scores separate the labels.
      </figcaption>
    </figure>
  );
}

/** The sizes of a regression's errors. The last bar holds the largest errors. */
export function Errors({ errors }: { errors: Counts }): JSX.Element {
  const [box, width] = useWidth();
  const counts = errors.counts.errors ?? [];
  const total = counts.reduce((sum, n) => sum + n, 0);
  const edges = errors.edges;
  const inner = edges.slice(0, -1);
  const end = inner.at(-1)!;
  // The last bin may be far wider than the others. It is drawn as wide as they are.
  const bin = inner.length > 1 ? end / (inner.length - 1) : edges.at(-1)! - edges[0]! || 1;
  const right = inner.length > 1 ? end + bin : edges[0]! + bin;
  const drawn = [...inner, right];
  const heights = counts.map((n, index) => (index < counts.length - 1 ? ((n / total) * bin) / Math.max(drawn[index + 1]! - drawn[index]!, 1e-300) : n / total));
  const top = Math.max(...heights, 1e-9) * 1.06;
  const x = (value: number): number => LEFT + ((value - drawn[0]!) / (right - drawn[0]! || 1)) * (width - LEFT - RIGHT);
  const y = (value: number): number => TOP + HEIGHT - (value / top) * HEIGHT;
  const across = ticks(drawn[0]!, end, Math.max(2, Math.floor(width / 110)));
  const labels = quantities(across);
  return (
    <figure class="chart">
      <div ref={box}>
        {width > 0 && (
          <svg width={width} height={TOP + HEIGHT + BOTTOM} viewBox={`0 0 ${width} ${TOP + HEIGHT + BOTTOM}`} role="img" aria-label={`Sizes of ${plural(total, "error")}. ${counts.length > 1 ? `${count(counts.at(-1)!)} are ${labels.length ? quantities([end])[0] : ""} or more.` : ""}`}>
            <text x={LEFT} y="9" class="caption">
              Share of predictions
            </text>
            <Shares width={width} y={y} top={top} />
            <path d={line(outline(drawn, heights, x, y))} class="area window" />
            <line x1={LEFT} x2={width - RIGHT} y1={y(0)} y2={y(0)} class="axis" />
            {across.map((tick, index) => (
              <text key={tick} x={x(tick)} y={TOP + HEIGHT + 17} class="tick middle">
                {labels[index]}
              </text>
            ))}
            <text x={(LEFT + width - RIGHT) / 2} y={TOP + HEIGHT + 34} class="tick middle">
              size of the error
            </text>
          </svg>
        )}
      </div>
      <figcaption>
        {plural(total, "prediction")}.{counts.length > 1 && ` The last bar includes all errors of ${quantities([end])[0]} and more.`}
      </figcaption>
    </figure>
  );
}

function Shares({ width, y, top }: { width: number; y: (value: number) => number; top: number }): JSX.Element {
  return (
    <>
      {ticks(0, top, 3).slice(1).map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} class="grid" />
          <text x={LEFT - 6} y={y(tick) + 4} class="tick end">{`${Number((tick * 100).toFixed(1))}%`}</text>
        </g>
      ))}
    </>
  );
}
