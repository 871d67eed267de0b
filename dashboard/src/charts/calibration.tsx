import type { JSX } from "preact";
import { count, plural, score, share } from "../format";
import { useWidth } from "../hooks";
import type { Performance } from "../types";
import { LEFT, RIGHT, line } from "./axes";

type Tenth = NonNullable<Performance["calibration"]>[number];

const [TOP, HEIGHT, BOTTOM] = [22, 220, 40];
const Z = 1.959964;

/** Wilson's 95% interval of a share. */
export function wilson(part: number, n: number): [number, number] {
  const middle = part + (Z * Z) / (2 * n);
  const wide = Z * Math.sqrt((part * (1 - part)) / n + (Z * Z) / (4 * n * n));
  const base = 1 + (Z * Z) / n;
  return [Math.max(0, (middle - wide) / base), Math.min(1, (middle + wide) / base)];
}

/** The share of positives by tenth of the score. A calibrated score lies on the diagonal. */
export function Calibration({ tenths }: { tenths: Tenth[] }): JSX.Element {
  const [box, width] = useWidth();
  const x = (value: number): number => LEFT + value * (width - LEFT - RIGHT);
  const y = (value: number): number => TOP + HEIGHT - value * HEIGHT;
  const most = Math.max(...tenths.map(({ n }) => n));
  const farthest = tenths.reduce((worst, tenth) => (Math.abs(tenth.positives - tenth.score) * tenth.n > Math.abs(worst.positives - worst.score) * worst.n ? tenth : worst));
  const words = tenths.map(({ score: mean, positives, n }) => `${score(mean)}: ${share(positives)} of ${count(n)}`).join("; ");
  return (
    <figure class="chart">
      <div ref={box}>
        {width > 0 && (
          <svg width={width} height={TOP + HEIGHT + BOTTOM} viewBox={`0 0 ${width} ${TOP + HEIGHT + BOTTOM}`} role="img" aria-label={`Share of positives by mean score. ${words}.`}>
            <text x={LEFT} y="9" class="caption">
              Share of positives
            </text>
            {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
              <g key={tick}>
                <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} class={tick ? "grid" : "axis"} />
                <text x={LEFT - 6} y={y(tick) + 4} class="tick end">{`${tick * 100}%`}</text>
                <text x={x(tick)} y={TOP + HEIGHT + 17} class="tick middle">
                  {tick}
                </text>
              </g>
            ))}
            <text x={(LEFT + width - RIGHT) / 2} y={TOP + HEIGHT + 34} class="tick middle">
              mean score
            </text>
            <line x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} class="diagonal" />
            {tenths.map(({ score: mean, positives, n }) => {
              const [low, high] = wilson(positives, n);
              return (
                <g key={mean}>
                  <line x1={x(mean)} x2={x(mean)} y1={y(low)} y2={y(high)} class="whisker" />
                  <circle cx={x(mean)} cy={y(positives)} r={2.5 + 3.5 * Math.sqrt(n / most)} class="dot">
                    <title>{`Mean score ${score(mean)}: ${share(positives)} of ${plural(n, "prediction")} are positive.`}</title>
                  </circle>
                </g>
              );
            })}
            <path d={line(tenths.map(({ score: mean, positives }) => [x(mean), y(positives)]))} class="curve score thin" />
          </svg>
        )}
      </div>
      <figcaption>
        The scores differ most around <b>{score(farthest.score)}</b>, where {share(farthest.positives)} of {plural(farthest.n, "prediction")} are positive. Calibrated scores lie on the dotted line. Bars are 95% intervals.
      </figcaption>
    </figure>
  );
}
