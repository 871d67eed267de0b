import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { plural, share, utcDay } from "../format";
import { useWidth } from "../hooks";
import { amount, metric, reach } from "../metrics";
import type { PerformanceDay } from "../types";
import { LEFT, RIGHT, line, ticks } from "./axes";
import { Plot } from "./plot";

const DAY = 86_400_000;
/** Heights in pixels: the metric, the gap, the bars of labelled predictions, and the dates. */
const [ABOVE, BETWEEN, BELOW, DATES] = [190, 34, 46, 22];
const TOP = 14;
const MIDDLE = TOP + ABOVE + BETWEEN;
const BOTTOM = MIDDLE + BELOW;

interface Props {
  name: string;
  days: PerformanceDay[];
  reference: number | null;
  window: { start: string | null; end: string | null };
  /** The share of labelled predictions from which a day is mature. */
  ratio: number;
}

/** Where the chart draws. x takes the start of an event day and returns the middle of the day. */
interface Frame {
  width: number;
  step: number;
  x: (time: number) => number;
  y: (value: number) => number;
}

const start = (day: PerformanceDay): number => Date.parse(`${day.day}T00:00:00Z`);

/** A metric by event day with its interval, and how many predictions of each day have a label. */
export function MetricChart({ name, days, reference, window, ratio }: Props): JSX.Element {
  const [box, width] = useWidth();
  const [low, high] = useMemo(() => range(name, days, reference), [name, days, reference]);
  const first = start(days[0]!);
  const count = Math.max(1, Math.round((start(days.at(-1)!) - first) / DAY) + 1);
  const step = Math.max(0, width - LEFT - RIGHT) / count;
  const x = (time: number): number => LEFT + ((time - first) / DAY + 0.5) * step;
  const y = (value: number): number => TOP + ABOVE - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * ABOVE;
  const frame: Frame = { width, step, x, y };
  const words = (day: PerformanceDay): string =>
    `${utcDay(day.day)}, ${amount(name, day.value)}${day.interval ? `, interval ${reach(name, day.interval)}` : ""}, ${share(day.coverage)} of ${plural(day.predictions, "prediction")} labelled${day.mature ? "" : ", not mature"}`;
  return (
    <figure class="chart timeline">
      <Plot
        box={box}
        width={width}
        height={BOTTOM + DATES}
        summary={`${metric(name).label} by day: ${summarize(name, days, reference)}`}
        places={days.map((day) => x(start(day)))}
        room={120}
        guide={(index) => <line x1={x(start(days[index]!))} x2={x(start(days[index]!))} y1={TOP} y2={BOTTOM} class="guide" />}
        readout={(index) => (
          <>
            <b>{amount(name, days[index]!.value)}</b> {utcDay(days[index]!.day)}, {share(days[index]!.coverage)} labelled{days[index]!.mature ? "" : ", not mature"}
          </>
        )}
        slider={{ label: `${metric(name).label}, day by day`, none: "no day selected", words: (index) => words(days[index]!) }}
      >
        <Immature frame={frame} days={days} />
        <Axes frame={frame} name={name} low={low} high={high} days={days} />
        <Judged frame={frame} window={window} first={first} />
        <Values frame={frame} days={days} />
        {reference !== null && <Reference frame={frame} name={name} value={reference} days={days} />}
        <Coverage frame={frame} days={days} ratio={ratio} />
      </Plot>
      <ul class="spans">
        <li class="muted">
          <i class="reach" aria-hidden="true" />
          95% interval
        </li>
        {days.some((day) => !day.mature) && (
          <li class="muted">
            <i class="immature" aria-hidden="true" />
            not mature: more labels are expected
          </li>
        )}
        {window.start !== null && (
          <li class="muted">
            <i class="judged" aria-hidden="true" />
            the mature days that are judged together
          </li>
        )}
      </ul>
    </figure>
  );
}

/** The values to show, from lowest to highest. Intervals of days that are not mature may be cut off. */
function range(name: string, days: PerformanceDay[], reference: number | null): [number, number] {
  const values = days.flatMap((day) => (day.value === null ? [] : [day.value, ...(day.mature && day.interval ? day.interval : [])]));
  if (reference !== null) values.push(reference);
  if (values.length === 0) return [0, 1];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = Math.max((most - least) * 0.12, Math.abs(most) * 0.01, 1e-9);
  if (!metric(name).bounded) return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
  return [Math.max(0, least - Math.max(room, 0.01)), Math.min(1, most + Math.max(room, 0.01))];
}

function summarize(name: string, days: PerformanceDay[], reference: number | null): string {
  const known = days.filter((day) => day.value !== null);
  const last = known.at(-1);
  if (!last) return "no day has labels for this metric.";
  const compared = reference === null ? "" : `, reference ${amount(name, reference)}`;
  return `${plural(known.length, "day")}, last ${amount(name, last.value)} on ${utcDay(last.day)}${last.mature ? "" : ", which is not mature"}${compared}.`;
}

function Immature({ frame: { x, step }, days }: { frame: Frame; days: PerformanceDay[] }): JSX.Element {
  return (
    <>
      <defs>
        <pattern id="immature" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="6" height="6" class="hatch" />
          <line x1="0" x2="0" y1="0" y2="6" class="hatch" />
        </pattern>
      </defs>
      {days.map((day) => (day.mature ? null : <rect key={day.day} x={x(start(day)) - step / 2} width={step + 0.3} y={TOP} height={BOTTOM - TOP} fill="url(#immature)" />))}
    </>
  );
}

function Axes({ frame: { width, step, x, y }, name, low, high, days }: { frame: Frame; name: string; low: number; high: number; days: PerformanceDay[] }): JSX.Element {
  const first = start(days[0]!);
  const count = Math.round((start(days.at(-1)!) - first) / DAY) + 1;
  const every = Math.max(1, Math.ceil(count / Math.max(2, Math.floor(width / 74))));
  const dates = Array.from({ length: Math.ceil(count / every) }, (_, index) => first + index * every * DAY);
  const marks = ticks(low, high, 5);
  return (
    <>
      {marks.map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} class="grid" />
          <text x={LEFT - 6} y={y(tick) + 4} class="tick end">
            {tickText(name, tick)}
          </text>
        </g>
      ))}
      <line x1={LEFT} x2={width - RIGHT} y1={TOP + ABOVE} y2={TOP + ABOVE} class="axis" />
      {dates.map((time) => (
        <g key={time}>
          <line x1={x(time)} x2={x(time)} y1={BOTTOM} y2={BOTTOM + 4} class="axis" />
          <text x={x(time)} y={BOTTOM + 17} class="tick middle">
            {step * every < 30 && time !== first ? "" : utcDay(new Date(time).toISOString())}
          </text>
        </g>
      ))}
    </>
  );
}

function tickText(name: string, value: number): string {
  const { unit } = metric(name);
  return unit === "share" ? `${Number((value * 100).toFixed(1))}%` : unit === "score" ? String(Number(value.toFixed(3))) : amount(name, value);
}

function Judged({ frame: { x, step }, window, first }: { frame: Frame; window: Props["window"]; first: number }): JSX.Element | null {
  if (window.start === null || window.end === null) return null;
  const from = Math.max(first, Date.parse(window.start));
  const until = Date.parse(window.end);
  if (until <= first) return null;
  return <rect x={x(from) - step / 2} width={Math.max(2, ((until - from) / DAY) * step)} y={TOP + ABOVE - 1.5} height="4" class="judged" />;
}

/** Runs of neighbouring days with a value. */
function runs(days: PerformanceDay[]): PerformanceDay[][] {
  const found: PerformanceDay[][] = [];
  let before = Number.NaN;
  for (const day of days) {
    if (day.value === null) continue;
    if (start(day) - before <= DAY) found.at(-1)!.push(day);
    else found.push([day]);
    before = start(day);
  }
  return found;
}

function Values({ frame: { step, x, y }, days }: { frame: Frame; days: PerformanceDay[] }): JSX.Element {
  return (
    <>
      {runs(days).map((run) => (
        <g key={run[0]!.day}>
          <path d={band(run, x, y, step)} class="reach" />
          {run.map((day, index) => {
            const next = run[index + 1];
            return next && <line key={day.day} x1={x(start(day))} y1={y(day.value!)} x2={x(start(next))} y2={y(next.value!)} class={`curve score ${next.mature ? "" : "early"}`} />;
          })}
          {(step >= 7 || run.length === 1) && run.map((day) => <circle key={day.day} cx={x(start(day))} cy={y(day.value!)} r="3" class={day.mature ? "dot" : "dot early"} />)}
        </g>
      ))}
    </>
  );
}

/** The outline of the intervals of a run. A run of one day gets a bar. */
function band(run: PerformanceDay[], x: (time: number) => number, y: (value: number) => number, step: number): string {
  const known = run.filter((day) => day.interval !== null);
  if (known.length === 0) return "";
  const wide = known.length > 1 ? 0 : Math.min(4, step / 4);
  const upper = known.flatMap((day): [number, number][] => [-wide, wide].map((shift) => [x(start(day)) + shift, y(day.interval![1]!)]));
  const lower = known.flatMap((day): [number, number][] => [-wide, wide].map((shift) => [x(start(day)) + shift, y(day.interval![0]!)]));
  return `${line([...upper, ...lower.reverse()])}Z`;
}

function Reference({ frame: { width, y }, name, value, days }: { frame: Frame; name: string; value: number; days: PerformanceDay[] }): JSX.Element {
  // The label goes to the end where the values are farther from the line.
  const part = Math.max(1, Math.ceil(days.length / 5));
  const far = (some: PerformanceDay[]): number => Math.max(0, ...some.map((day) => (day.value === null ? 0 : Math.abs(y(day.value) - y(value)))));
  const right = far(days.slice(-part)) > far(days.slice(0, part));
  const below = y(value) < TOP + 16;
  return (
    <g>
      <line x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} class="limit" />
      <text x={right ? width - RIGHT - 2 : LEFT + 4} y={y(value) + (below ? 14 : -5)} class={`tick limit ${right ? "end" : ""}`}>
        reference {amount(name, value)}
      </text>
    </g>
  );
}

function Coverage({ frame: { width, step, x }, days, ratio }: { frame: Frame; days: PerformanceDay[]; ratio: number }): JSX.Element {
  const y = (value: number): number => BOTTOM - value * BELOW;
  const wide = Math.max(1, Math.min(22, step * 0.66));
  return (
    <>
      <text x={LEFT} y={MIDDLE - 9} class="caption">
        Labelled predictions
      </text>
      {[0, 1].map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} class={tick ? "grid" : "axis"} />
          <text x={LEFT - 6} y={y(tick) + 4} class="tick end">{`${tick * 100}%`}</text>
        </g>
      ))}
      {days.map((day) => (
        <rect key={day.day} x={x(start(day)) - wide / 2} width={wide} y={y(day.coverage)} height={BOTTOM - y(day.coverage)} class={day.mature ? "fill window" : "fill baseline"} />
      ))}
      <line x1={LEFT} x2={width - RIGHT} y1={y(ratio)} y2={y(ratio)} class="limit" />
    </>
  );
}
