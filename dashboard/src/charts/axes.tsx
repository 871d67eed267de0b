// Margins, ticks and paths of all charts. Charts are plain SVG: a library would be larger than the rest of the page.
import type { ComponentChildren, JSX } from "preact";
import { atClock, onDay, onWeekday } from "../format";

export const LEFT = 44;
export const RIGHT = 12;
export const HOUR = 3_600_000;

/** About `wanted` round values within a range. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step);
}

const MINUTE = 60_000;
const STEPS = [5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 4320, 5760, 10_080, 20_160, 43_200, 57_600];

/** At most `wanted` round times of the viewer's clock within a range. */
export function timeTicks(from: number, until: number, wanted: number): { at: number; text: string }[] {
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

export const line = (places: [number, number][]): string => places.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

export function Key({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <p class="key" aria-hidden="true">
      {children}
    </p>
  );
}
