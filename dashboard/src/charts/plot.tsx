import type { ComponentChildren, JSX, RefObject } from "preact";
import { useState } from "preact/hooks";

interface Props {
  box: RefObject<HTMLDivElement | null>;
  width: number;
  height: number;
  /** The chart in one sentence, for screen readers. */
  summary: string;
  /** The places of the points in pixels from the left, in ascending order. */
  places: number[];
  /** The least distance in pixels of the readout's middle from both ends. */
  room: number;
  guide: (index: number) => ComponentChildren;
  readout: (index: number) => ComponentChildren;
  slider: { label: string; none: string; words: (index: number) => string };
  /** The drawing. It does not change with the pointer. */
  children: ComponentChildren;
}

/** A drawing over time that shows the point nearest to the pointer. The slider below shows the same by keyboard. */
export function Plot({ box, width, height, summary, places, room, guide, readout, slider, children }: Props): JSX.Element {
  const [chosen, choose] = useState<number | null>(null);
  const picked = chosen !== null && chosen < places.length ? chosen : null;
  const follow = (event: PointerEvent & { currentTarget: Element }): void => choose(nearest(places, event.clientX - event.currentTarget.getBoundingClientRect().left));
  const scrub = (event: { currentTarget: HTMLInputElement }): void => choose(Number(event.currentTarget.value));
  return (
    <>
      <div ref={box} class="plot">
        {width > 0 && (
          <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={summary} onPointerMove={follow} onPointerDown={follow} onPointerLeave={() => choose(null)}>
            {children}
            {picked !== null && guide(picked)}
          </svg>
        )}
        {picked !== null && (
          <output class="readout" style={{ left: `${Math.min(Math.max(places[picked]!, room), Math.max(room, width - room))}px` }} aria-hidden="true">
            {readout(picked)}
          </output>
        )}
      </div>
      {places.length > 0 && (
        <input
          class="scrub"
          type="range"
          min={0}
          max={places.length - 1}
          value={picked ?? places.length - 1}
          aria-label={slider.label}
          aria-valuetext={picked === null ? slider.none : slider.words(picked)}
          onFocus={scrub}
          onInput={scrub}
          onBlur={() => choose(null)}
        />
      )}
    </>
  );
}

/** The index of the place nearest to `x`. Null without places. */
function nearest(places: number[], x: number): number | null {
  return places.reduce<number | null>((best, place, index) => (best === null || Math.abs(place - x) < Math.abs(places[best]! - x) ? index : best), null);
}
