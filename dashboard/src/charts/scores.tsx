// Charts, drawn by hand in SVG: what they show is small, and a library would be larger than the rest of the page.
import type { ComponentChildren, JSX } from "preact";
import { useId, useMemo, useState } from "preact/hooks";
import { atClock, brief, duration, moment, onDay, onWeekday, points, quantity, score, share, utc } from "../format";
import { useWidth } from "../hooks";
import { to } from "../router";
import type { Alert, Feature, Histogram } from "../types";
import { ALERT_TYPES, category } from "../words";

const LEFT = 44;
const RIGHT = 12;
const HOUR = 3_600_000;
/** Left of the first check, as wide as the words that say when it was. */
const ROOM = 220;

/** Round values that span a range, about `wanted` of them. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step);
}

const line = (places: [number, number][]): string => places.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

export function Key({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <p class="key" aria-hidden="true">
      {children}
    </p>
  );
}

// ---------------------------------------------------------------------------------------------------------------
// Distributions

export interface Shape {
  edges: number[];
  baseline: number[];
  window: number[];
}

/** A numeric histogram as shares with finite edges, or null when there is nothing to draw. */
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

/** Which way a feature went, in words that complete "moved …"; empty when there is no telling. */
export function direction(feature: Feature): string {
  const drawn = shape(feature.histogram);
  if (drawn) {
    let [before, now, up, down] = [0, 0, 0, 0];
    drawn.baseline.forEach((value, index) => {
      before += value;
      now += drawn.window[index]!;
      up = Math.max(up, before - now);
      down = Math.max(down, now - before);
    });
    if (Math.max(up, down) === 0 || Math.min(up, down) > 0.5 * Math.max(up, down)) return "";
    return up > down ? "towards higher values" : "towards lower values";
  }
  const names = feature.histogram?.categories;
  if (!names?.length) return "";
  const [before, now] = [shares(feature.histogram!.baseline), shares(feature.histogram!.window)];
  const most = names.reduce((best, _, index) => (Math.abs(now[index]! - before[index]!) > Math.abs(now[best]! - before[best]!) ? index : best), 0);
  return `most in “${category(names[most]!)}”, from ${share(before[most]!)} to ${share(now[most]!)}`;
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

/** Whether an outermost bar stands out as one does that holds a tail. */
function overflows({ baseline, window }: Shape): boolean {
  const stands = (values: number[]): boolean => values.length > 4 && (values.at(-1)! > 1.5 * values.at(-2)! || values[0]! > 1.5 * values[1]!);
  return stands(baseline) || stands(window);
}

/** Heights to draw: shares where the bins are of one width, otherwise densities, so that areas stay true. */
function heights(drawn: Shape): { baseline: number[]; window: number[]; even: boolean } {
  const widths = drawn.edges.slice(1).map((edge, index) => edge - drawn.edges[index]!);
  const inner = widths.length > 2 ? widths.slice(1, -1) : widths;
  const even = Math.max(...inner) <= 1.6 * Math.min(...inner);
  if (even) return { baseline: drawn.baseline, window: drawn.window, even };
  const floor = (drawn.edges.at(-1)! - drawn.edges[0]!) / 200;
  const dense = (values: number[]): number[] => values.map((value, index) => value / Math.max(widths[index]!, floor));
  return { baseline: dense(drawn.baseline), window: dense(drawn.window), even };
}

function outline(edges: number[], values: number[], x: (value: number) => number, y: (value: number) => number): [number, number][] {
  const places: [number, number][] = [[x(edges[0]!), y(0)]];
  values.forEach((value, index) => places.push([x(edges[index]!), y(value)], [x(edges[index + 1]!), y(value)]));
  places.push([x(edges.at(-1)!), y(0)]);
  return places;
}

/** Baseline against window, as distributions above and cumulative curves below, on one axis. */
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
  // Left of the gap nothing is drawn above it, right of it nothing below.
  const onLeft = gapX > LEFT + 84;
  const [upper, lower] = [Math.max(gap.baseline, gap.window), Math.min(gap.baseline, gap.window)];
  const across = ticks(low, high, Math.max(2, Math.floor(width / 110)));
  const summary =
    `Baseline against window. The cumulative curves are farthest apart, ${score(size)}, at ${quantity(gap.at)}: ` +
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
        Farthest apart at <b>{quantity(gap.at)}</b>: {share(gap.baseline)} of the baseline and {share(gap.window)} of the window lie at or below it.
        {overflows(drawn) && " The outermost bars hold what lies beyond them, too."}
      </figcaption>
    </figure>
  );
}

/** Categories and booleans: two bars each. */
export function Categories({ histogram }: { histogram: Histogram }): JSX.Element {
  const [all, setAll] = useState(false);
  const before = shares(histogram.baseline);
  const now = shares(histogram.window);
  const names = histogram.categories ?? before.map((_, index) => `bin ${index + 1}`);
  const widest = Math.max(...before, ...now, 1e-9);
  const shown = all ? names : names.slice(0, 12);
  return (
    <figure class="chart">
      <Key>
        <span class="swatch baseline" /> baseline <span class="swatch window" /> window
      </Key>
      <table class="categories free">
        <thead>
          <tr>
            <th scope="col">Value</th>
            <th scope="col">
              <span class="hidden">Picture</span>
            </th>
            <th scope="col" class="number">Baseline</th>
            <th scope="col" class="number">Window</th>
            <th scope="col" class="number">Change</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((name, index) => {
            const [a, b] = [before[index] ?? 0, now[index] ?? 0];
            return (
              <tr key={index}>
                <th scope="row" class={name.startsWith("__") ? "muted" : ""}>{category(name)}</th>
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

/** A small overlaid picture for rows of a table. */
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

export function Sparkline({ values, limit }: { values: { day: string; drift_score: number | null }[]; limit: number }): JSX.Element {
  const width = 112;
  const height = 26;
  const scores = values.map(({ drift_score }) => drift_score);
  const top = Math.max(limit * 1.6, ...scores.map((value) => value ?? 0)) * 1.08;
  const today = Date.parse(new Date().toISOString().slice(0, 10));
  const x = (index: number): number => width - 4 - Math.min(6, Math.max(0, (today - Date.parse(values[index]!.day)) / (24 * HOUR))) * ((width - 8) / 6);
  const y = (value: number): number => height - 3 - (value / top) * (height - 6);
  const places = scores.flatMap((value, index): [number, number][] => (value === null ? [] : [[x(index), y(value)]]));
  const last = places.at(-1);
  const lastScore = scores.filter((value) => value !== null).at(-1);
  const words = scores.map((value) => (value === null ? "none" : value.toFixed(2))).join(", ");
  return (
    <svg width={width} height={height} class="sparkline" role="img" aria-label={places.length ? `Highest score of each day: ${words}` : "No scores yet"}>
      <line x1="0" x2={width} y1={y(limit)} y2={y(limit)} class="limit" />
      {places.length > 1 && <path d={line(places)} class="curve score" />}
      {last && <circle cx={last[0]} cy={last[1]} r="2.5" class={lastScore !== undefined && lastScore !== null && lastScore > limit ? "dot over" : "dot"} />}
    </svg>
  );
}

/** A score between 0 and 1 with its limit, as a bar in a table. */
export function ScoreBar({ value, limit, scale }: { value: number | null; limit: number | null | undefined; scale: number }): JSX.Element {
  const place = (number: number): string => `${Math.min(100, (number / scale) * 100)}%`;
  return (
    <span class="scorebar" aria-hidden="true">
      {value !== null && <span class={limit !== null && limit !== undefined && value > limit ? "over" : ""} style={{ width: place(value) }} />}
      {limit !== null && limit !== undefined && <i style={{ left: place(limit) }} />}
    </span>
  );
}

// ---------------------------------------------------------------------------------------------------------------
// Score over time

export interface Check {
  at: number;
  score: number | null;
}

const MINUTE = 60_000;
const STEPS = [5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 4320, 5760, 10_080, 20_160, 43_200];

/** Round times of the viewer's own clock, at most `wanted` of them. */
function timeTicks(from: number, until: number, wanted: number): { at: number; text: string }[] {
  const minutes = STEPS.find((step) => (until - from) / (step * MINUTE) <= wanted) ?? 86_400;
  const days = minutes / 1440;
  const place = new Date(from);
  place.setSeconds(0, 0);
  if (minutes >= 60) place.setMinutes(0);
  else place.setMinutes(Math.floor(place.getMinutes() / minutes) * minutes);
  if (minutes > 60) place.setHours(days >= 1 ? 0 : Math.floor(place.getHours() / (minutes / 60)) * (minutes / 60));
  const found: { at: number; text: string }[] = [];
  for (; place.getTime() <= until; days >= 1 ? place.setDate(place.getDate() + days) : place.setMinutes(place.getMinutes() + minutes)) {
    if (place.getTime() < from) continue;
    const midnight = place.getHours() === 0 && place.getMinutes() === 0;
    const text = !midnight ? atClock(place) : days >= 1 && until - from > 10 * 24 * HOUR ? onDay(place) : `${onWeekday(place)} ${onDay(place)}`;
    found.push({ at: place.getTime(), text });
  }
  return found;
}

/** Scores over time with the limit and the alerts' spans. The slider beneath is the same with a keyboard. */
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
  const [chosen, setChosen] = useState<number | null>(null);
  const id = useId();
  const top = useMemo(() => Math.min(1.02, Math.max(0.1, (limit ?? 0) * 1.5, ...checks.map(({ score: value }) => value ?? 0)) * 1.1), [checks, limit]);
  const bottom = height - 22;
  const first = checks[0]?.at;
  const drawn = lanes(alerts, from, until);
  const x = (time: number): number => LEFT + ((time - from) / (until - from || 1)) * (width - LEFT - RIGHT);
  const y = (value: number): number => bottom - (value / top) * (bottom - 12);
  const stretch = (start: number, end: number): { x: number; width: number } => ({ x: Math.min(x(start), x(end) - 3), width: Math.max(3, x(end) - x(start)) });
  const runs = useMemo(() => split(checks), [checks]);
  const picked = chosen === null ? undefined : checks[chosen];

  const nearest = (clientX: number, element: Element): void => {
    if (checks.length === 0) return;
    const time = from + ((clientX - element.getBoundingClientRect().left - LEFT) / (width - LEFT - RIGHT)) * (until - from);
    let best = 0;
    checks.forEach((check, index) => {
      if (Math.abs(check.at - time) < Math.abs(checks[best]!.at - time)) best = index;
    });
    setChosen(best);
  };

  const scored = checks.filter((check) => check.score !== null);
  const lastScore = scored.at(-1)?.score ?? null;
  const summary = scored.length
    ? `${label}: ${brief(scored.length)} checks in ${duration(until - from)}, last ${score(lastScore)}, highest ${score(Math.max(...scored.map((check) => check.score!)))}${limit === null ? "" : `, limit ${score(limit)}`}.`
    : `${label}: no scored check in this time.`;

  return (
    <figure class="chart timeline">
      <div ref={box} class="plot">
        {width > 0 && (
          <svg
            width={width}
            height={height}
            role="img"
            aria-label={summary}
            onPointerMove={(event) => nearest(event.clientX, event.currentTarget)}
            onPointerDown={(event) => nearest(event.clientX, event.currentTarget)}
            onPointerLeave={() => setChosen(null)}
          >
            {covered(drawn).map(({ start, end }) => (
              <rect key={start} {...stretch(start, end)} y={12} height={bottom - 12} class="span" />
            ))}
            {drawn.map(({ alert, lane, start, end }) => (
              <rect key={alert.id} {...stretch(start, end)} y={6 - lane * 5} height="3" rx="1" class={`lane ${alert.severity.toLowerCase()}`} />
            ))}
            {first === undefined ? (
              <text x={(LEFT + width - RIGHT) / 2} y={bottom / 2} class="tick middle">
                no check in this time
              </text>
            ) : (
              x(first) - LEFT > ROOM && (
                <text x={x(first) - 8} y={bottom - 7} class="tick end">
                  no check before {moment(new Date(first).toISOString())}
                </text>
              )
            )}
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
                  <text x={Math.max(LEFT, x(tick.at))} y={height - 5} class={x(tick.at) < LEFT + 24 ? "tick" : "tick middle"}>
                    {tick.text}
                  </text>
                )}
              </g>
            ))}
            {runs.map((run, index) =>
              x(run.at(-1)!.at) - x(run[0]!.at) > 5 ? (
                <path key={index} d={line(run.map((check) => [x(check.at), y(check.score!)]))} class="curve score" />
              ) : (
                <circle key={index} cx={x(run.at(-1)!.at)} cy={y(run.at(-1)!.score!)} r="3" class="dot" />
              ),
            )}
            {limit !== null && (
              <g>
                <line x1={LEFT} x2={width - RIGHT} y1={y(limit)} y2={y(limit)} class="limit" />
                <text x={width - RIGHT - 2} y={y(limit) - 5} class="tick end limit">
                  {limitText ?? "limit"} {score(limit)}
                </text>
              </g>
            )}
            {picked && (
              <g>
                <line x1={x(picked.at)} x2={x(picked.at)} y1="12" y2={bottom} class="guide" />
                {picked.score !== null && <circle cx={x(picked.at)} cy={y(picked.score)} r="3.5" class="dot" />}
              </g>
            )}
          </svg>
        )}
        {picked && (
          <output class="readout" style={{ left: `${Math.min(Math.max(x(picked.at), 76), Math.max(76, width - 76))}px` }} aria-hidden="true">
            <b>{picked.score === null ? "no score" : score(picked.score)}</b> {moment(new Date(picked.at).toISOString())}
          </output>
        )}
      </div>
      {checks.length > 0 && (
        <input
          id={id}
          class="scrub"
          type="range"
          min={0}
          max={checks.length - 1}
          value={chosen ?? checks.length - 1}
          aria-label={`${label}, check by check`}
          aria-valuetext={picked ? `${moment(new Date(picked.at).toISOString())}, ${picked.score === null ? "no score" : `score ${score(picked.score)}`}` : "none chosen"}
          onFocus={(event) => setChosen(Number(event.currentTarget.value))}
          onInput={(event) => setChosen(Number(event.currentTarget.value))}
          onBlur={() => setChosen(null)}
        />
      )}
      {alerts.length > 0 && (
        <ul class="spans">
          {alerts.slice(0, 6).map((alert) => (
            <li key={alert.id}>
              <i class={alert.severity.toLowerCase()} aria-hidden="true" />
              <a href={to("alerts", alert.id)}>{ALERT_TYPES[alert.alert_type]}</a>{" "}
              <span class="muted" title={utc(alert.detected_at)}>
                {moment(alert.detected_at)}
                {alert.resolved_at ? ` for ${duration(Date.parse(alert.resolved_at) - Date.parse(alert.detected_at))}` : " until now"}
              </span>
            </li>
          ))}
          {drawn.length > 0 && (
            <li class="muted">
              <i class="span" aria-hidden="true" />
              an alert was open
            </li>
          )}
        </ul>
      )}
    </figure>
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

/** The time in which any alert was open, however many at once. `spans` begin one after the other. */
function covered(spans: Stretch[]): Stretch[] {
  const found: Stretch[] = [];
  for (const { start, end } of spans) {
    const last = found.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else found.push({ start, end });
  }
  return found;
}

/** The alerts' spans as far as they are in the picture; those that overlap lie in lanes above each other. */
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

/** Lines end where there was no score, or no check for several times the usual pause. */
function split(checks: Check[]): Check[][] {
  const pauses = checks.slice(1).map((check, index) => check.at - checks[index]!.at).sort((a, b) => a - b);
  const usual = pauses[Math.floor(pauses.length / 2)] ?? HOUR;
  const runs: Check[][] = [];
  let run: Check[] = [];
  let before: Check | null = null;
  for (const check of checks) {
    if (check.score === null || (before && check.at - before.at > Math.max(4 * usual, 2 * HOUR))) {
      if (run.length) runs.push(run);
      run = [];
    }
    if (check.score !== null) run.push(check);
    before = check;
  }
  if (run.length) runs.push(run);
  return runs;
}
