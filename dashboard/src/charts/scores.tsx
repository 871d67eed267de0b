import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { brief, duration, moment, plural, score, utc } from "../format";
import { useWidth } from "../hooks";
import { to } from "../router";
import type { Alert } from "../types";
import { ALERT_TYPES } from "../words";
import { HOUR, LEFT, RIGHT, line, ticks, timeTicks } from "./axes";
import { Plot } from "./plot";

/** Alerts named below a chart. All alerts are drawn. */
const NAMED = 6;

/** Width of the text left of the first check, in pixels. */
const ROOM = 220;

/** A score between 0 and 1 with its limit, as a bar in a table. */
export function ScoreBar({ value, limit, scale }: { value: number | null | undefined; limit: number | null | undefined; scale: number }): JSX.Element {
  const place = (number: number): string => `${Math.min(100, (number / scale) * 100)}%`;
  return (
    <span class="scorebar" aria-hidden="true">
      {value !== null && value !== undefined && <span class={limit !== null && limit !== undefined && value > limit ? "over" : ""} style={{ width: place(value) }} />}
      {limit !== null && limit !== undefined && <i style={{ left: place(limit) }} />}
    </span>
  );
}

/** A check, or a replayed day: the score of a day before the model had a baseline, computed later. */
export interface Check {
  at: number;
  score: number | null;
  replayed: boolean;
}

/** Where a chart draws: its width, the height of its time axis, and the places of times and scores. */
interface Frame {
  width: number;
  bottom: number;
  x: (time: number) => number;
  y: (value: number) => number;
}

/** Scores over time with the limit and the alerts. The slider below gives the same readout by keyboard. */
export function ScoreChart({
  checks,
  from,
  until,
  limit,
  limitText,
  alerts = [],
  height = 200,
  label,
}: {
  checks: Check[];
  from: number;
  until: number;
  limit: number | null;
  limitText?: string;
  alerts?: Alert[];
  height?: number;
  label: string;
}): JSX.Element {
  const [box, width] = useWidth();
  const top = useMemo(() => Math.min(1.02, Math.max(0.1, (limit ?? 0) * 1.5, ...checks.map(({ score: value }) => value ?? 0)) * 1.1), [checks, limit]);
  const bottom = height - 22;
  const first = checks[0]?.at;
  const drawn = lanes(alerts, from, until);
  const x = (time: number): number => LEFT + ((time - from) / (until - from || 1)) * (width - LEFT - RIGHT);
  const y = (value: number): number => bottom - (value / top) * (bottom - 12);
  const frame: Frame = { width, bottom, x, y };
  const words = ({ at, score: value, replayed }: Check): string => `${moment(at)}, ${value === null ? "no score" : `score ${score(value)}`}${replayed ? ", replayed" : ""}`;
  return (
    <figure class="chart timeline">
      <Plot
        box={box}
        width={width}
        height={height}
        summary={`${label}: ${summarize(checks, until - from, limit)}`}
        places={checks.map((check) => x(check.at))}
        room={76}
        guide={(index) => <Guide frame={frame} check={checks[index]!} />}
        readout={(index) => (
          <>
            <b>{checks[index]!.score === null ? "no score" : score(checks[index]!.score)}</b> {moment(checks[index]!.at)}
            {checks[index]!.replayed && ", replayed"}
          </>
        )}
        slider={{ label: `${label}, check by check`, none: "no check selected", words: (index) => words(checks[index]!) }}
      >
        <AlertSpans frame={frame} drawn={drawn} from={from} />
        {first === undefined ? (
          <text x={(LEFT + width - RIGHT) / 2} y={bottom / 2} class="tick middle">
            no checks in this period
          </text>
        ) : (
          x(first) - LEFT > ROOM && (
            <text x={x(first) - 8} y={bottom - 7} class="tick end">
              {checks[0]!.replayed ? "no data" : "no checks"} before {moment(first)}
            </text>
          )
        )}
        <Grid frame={frame} top={top} from={from} until={until} />
        <Curve frame={frame} checks={checks} />
        {limit !== null && (
          <g>
            <line x1={LEFT} x2={width - RIGHT} y1={y(limit)} y2={y(limit)} class="limit" />
            <text x={width - RIGHT - 2} y={y(limit) - 5} class="tick end limit">
              {limitText ?? "limit"} {score(limit)}
            </text>
          </g>
        )}
      </Plot>
      {checks.some(({ replayed }) => replayed) && (
        <ul class="spans">
          <li class="muted">
            <i class="replayed" aria-hidden="true" />
            computed later, for days before the first check
          </li>
        </ul>
      )}
      {alerts.length > 0 && <AlertList alerts={alerts} shaded={drawn.length > 0} />}
    </figure>
  );
}

/** A chart's content in one sentence, for screen readers. */
function summarize(checks: Check[], period: number, limit: number | null): string {
  const scores = checks.flatMap((check) => (check.score === null ? [] : [check.score]));
  const replayed = checks.filter((check) => check.replayed && check.score !== null).length;
  if (scores.length === 0) return "no check with a score in this period.";
  const end = limit === null ? "" : `, limit ${score(limit)}`;
  const days = replayed ? ` and ${replayed} replayed ${replayed === 1 ? "day" : "days"}` : "";
  return `${brief(scores.length - replayed)} checks${days} in ${duration(period)}, last ${score(scores.at(-1))}, highest ${score(Math.max(...scores))}${end}.`;
}

function AlertSpans({ frame: { bottom, x }, drawn, from }: { frame: Frame; drawn: Lane[]; from: number }): JSX.Element {
  const stretch = (start: number, end: number): { x: number; width: number } => ({ x: Math.min(x(start), x(end) - 3), width: Math.max(3, x(end) - x(start)) });
  return (
    <>
      {covered(drawn).map(({ start, end }) => (
        <rect key={start} {...stretch(start, end)} y={12} height={bottom - 12} class="span" />
      ))}
      {drawn.map(({ alert, lane }) => {
        const onset = alert.onset ? Date.parse(alert.onset) : from - 1;
        return onset < from ? null : <line key={`onset ${alert.id}`} class="onset" x1={x(onset)} x2={x(onset)} y1={9 - lane * 5} y2={bottom} />;
      })}
      {drawn.map(({ alert, lane, start, end }) => (
        <rect key={alert.id} {...stretch(start, end)} y={6 - lane * 5} height="3" rx="1" class={`lane ${alert.severity.toLowerCase()}`} />
      ))}
    </>
  );
}

function Grid({ frame: { width, bottom, x, y }, top, from, until }: { frame: Frame; top: number; from: number; until: number }): JSX.Element {
  return (
    <>
      {ticks(0, top, 4).map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} class={tick ? "grid" : "axis"} />
          <text x={LEFT - 6} y={y(tick) + 4} class="tick end">
            {Number(tick.toFixed(3))}
          </text>
        </g>
      ))}
      {timeTicks(from, until, Math.max(2, Math.floor(width / 92))).map((tick) => (
        <g key={tick.at}>
          <line x1={x(tick.at)} x2={x(tick.at)} y1={bottom} y2={bottom + 4} class="axis" />
          {x(tick.at) < width - 30 && (
            <text x={Math.max(LEFT, x(tick.at))} y={bottom + 17} class={x(tick.at) < LEFT + 24 ? "tick" : "tick middle"}>
              {tick.text}
            </text>
          )}
        </g>
      ))}
    </>
  );
}

function Curve({ frame: { x, y }, checks }: { frame: Frame; checks: Check[] }): JSX.Element {
  const runs = useMemo(() => split(checks.filter(({ replayed }) => !replayed)), [checks]);
  const before = useMemo(() => {
    const days = split(checks.filter(({ replayed }) => replayed));
    // The last replayed day is connected to the first check.
    const first = runs[0]?.[0];
    return days.map((run, index) => (first && index === days.length - 1 ? [...run, first] : run));
  }, [checks, runs]);
  return (
    <>
      {before.map((run, index) =>
        run.length > 1 ? (
          <path key={`replayed ${index}`} d={line(thinned(run, x).map((check) => [x(check.at), y(check.score!)]))} class="curve score replayed" />
        ) : (
          <circle key={`replayed ${index}`} cx={x(run[0]!.at)} cy={y(run[0]!.score!)} r="3" class="dot replayed" />
        ),
      )}
      {runs.map((run, index) =>
        x(run.at(-1)!.at) - x(run[0]!.at) > 5 ? (
          <path key={index} d={line(thinned(run, x).map((check) => [x(check.at), y(check.score!)]))} class="curve score" />
        ) : (
          <circle key={index} cx={x(run.at(-1)!.at)} cy={y(run.at(-1)!.score!)} r="3" class="dot" />
        ),
      )}
    </>
  );
}

/** The checks that can be seen: of all checks in one column of pixels, the first, the last, the lowest and the highest. */
function thinned(run: Check[], x: (time: number) => number): Check[] {
  const columns = new Map<number, Check[]>();
  for (const check of run) {
    const column = Math.round(x(check.at));
    const kept = columns.get(column);
    if (kept) kept.push(check);
    else columns.set(column, [check]);
  }
  return [...columns.values()].flatMap((checks) => {
    if (checks.length <= 4) return checks;
    const sorted = checks.toSorted((a, b) => a.score! - b.score!);
    const seen = new Set([checks[0]!, sorted[0]!, sorted.at(-1)!, checks.at(-1)!]);
    return checks.filter((check) => seen.has(check));
  });
}

function Guide({ frame: { bottom, x, y }, check }: { frame: Frame; check: Check }): JSX.Element {
  return (
    <g>
      <line x1={x(check.at)} x2={x(check.at)} y1="12" y2={bottom} class="guide" />
      {check.score !== null && <circle cx={x(check.at)} cy={y(check.score)} r="3.5" class="dot" />}
    </g>
  );
}

function AlertList({ alerts, shaded }: { alerts: Alert[]; shaded: boolean }): JSX.Element {
  return (
    <ul class="spans">
      {alerts.slice(0, NAMED).map((alert) => (
        <li key={alert.id}>
          <i class={alert.severity.toLowerCase()} aria-hidden="true" />
          <a href={to("alerts", alert.id)}>{ALERT_TYPES[alert.alert_type]}</a>{" "}
          <span class="muted" title={utc(alert.detected_at)}>
            {moment(alert.detected_at)}
            {alert.resolved_at ? ` for ${duration(Date.parse(alert.resolved_at) - Date.parse(alert.detected_at))}` : " until now"}
          </span>
        </li>
      ))}
      {alerts.length > NAMED && <li class="muted">and {plural(alerts.length - NAMED, "more alert")}</li>}
      {shaded && (
        <li class="muted">
          <i class="span" aria-hidden="true" />
          an alert was open
        </li>
      )}
    </ul>
  );
}

interface Stretch {
  start: number;
  end: number;
}

interface Lane extends Stretch {
  alert: Alert;
  lane: number;
}

/** Merges overlapping spans. `spans` must be sorted by start. */
function covered(spans: Stretch[]): Stretch[] {
  const found: Stretch[] = [];
  for (const { start, end } of spans) {
    const last = found.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else found.push({ start, end });
  }
  return found;
}

/** The parts of the alerts between `from` and `until`. Overlapping alerts get lanes above each other. */
function lanes(alerts: Alert[], from: number, until: number): Lane[] {
  const ends: number[] = [];
  return alerts
    .map((alert) => ({
      alert,
      start: Math.max(from, Date.parse(alert.detected_at)),
      end: Math.min(until, alert.resolved_at ? Date.parse(alert.resolved_at) : until),
    }))
    .filter(({ start, end }) => end >= from && start <= until)
    .sort((a, b) => a.start - b.start)
    .map((span) => {
      const free = ends.findIndex((end) => end <= span.start);
      const lane = Math.min(2, free === -1 ? ends.length : free);
      ends[lane] = span.end;
      return { ...span, lane };
    });
}

/** A pause is a gap if it is this many times as long as the pauses next to it. */
const GAP = 4;

/** Splits checks into lines. A line ends at a check without a score, and at a gap. The interval of checks may change. */
function split(checks: Check[]): Check[][] {
  const pauses = checks.map((check, index) => (index ? check.at - checks[index - 1]!.at : 0));
  const gap = (index: number): boolean => {
    const beside = Math.max(pauses[index - 1] ?? 0, pauses[index + 1] ?? 0);
    return beside > 0 && pauses[index]! > Math.max(GAP * beside, 2 * HOUR);
  };
  const runs: Check[][] = [];
  let run: Check[] = [];
  checks.forEach((check, index) => {
    if (check.score === null || gap(index)) {
      if (run.length) runs.push(run);
      run = [];
    }
    if (check.score !== null) run.push(check);
  });
  if (run.length) runs.push(run);
  return runs;
}
