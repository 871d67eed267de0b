import type { JSX } from "preact";
import { HOUR, line } from "./axes";

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
