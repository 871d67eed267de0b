// Components shared by the pages.
import { Fragment } from "preact";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { ApiError } from "./api";
import { asDocument, print, save } from "./document";
import { ago, moment, utc } from "./format";
import { useAction, useTick } from "./hooks";
import { useStore } from "./store";
import type { Severity, State } from "./types";
import { STATES } from "./words";

type Children = { children?: ComponentChildren };

export function Tag({ tone, children, title }: Children & { tone: string; title?: string }): JSX.Element {
  return (
    <span class={`tag ${tone}`} title={title}>
      <i aria-hidden="true" />
      {children}
    </span>
  );
}

export function StateTag({ state, preliminary }: { state: State; preliminary?: boolean | undefined }): JSX.Element {
  const { label, tone, about } = STATES[state] ?? { label: state, tone: "quiet", about: "" };
  return (
    <span class="tags">
      <Tag tone={tone} title={about}>
        {label}
      </Tag>
      {preliminary && <Preliminary />}
    </span>
  );
}

export function Preliminary(): JSX.Element {
  return (
    <span class="tag outline" title="There is less data than one full window, so daily and weekly cycles are not averaged out yet.">
      preliminary
    </span>
  );
}

const BARS: Record<Severity, number> = { LOW: 1, MEDIUM: 2, HIGH: 3 };

export function SeverityMark({ severity }: { severity: Severity }): JSX.Element {
  return (
    <span class={`severity ${severity.toLowerCase()}`}>
      <svg width="13" height="12" viewBox="0 0 13 12" aria-hidden="true">
        {[0, 1, 2].map((bar) => (
          <rect key={bar} x={bar * 5} y={8 - bar * 4} width="3" height={4 + bar * 4} rx="0.5" class={bar < BARS[severity] ? "on" : "off"} />
        ))}
      </svg>
      {severity.charAt(0) + severity.slice(1).toLowerCase()}
    </span>
  );
}

/** A name that may wrap between its words, so that narrow columns do not cut words. */
export function Name({ of }: { of: string }): JSX.Element {
  const parts = of.split(/(?<=[_./:-])(?=[^_./:-])/);
  return (
    <>
      {parts.map((part, index) => (
        <Fragment key={index}>
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </>
  );
}

/** A time in the viewer's time zone, with UTC in the tooltip. A document has no relative times, because they become wrong. */
export function Time({ at, relative }: { at: string; relative?: boolean }): JSX.Element {
  useTick();
  const paper = useStore(asDocument);
  const near = relative && !paper;
  return (
    <time dateTime={at} title={near ? `${moment(at)} · ${utc(at)}` : utc(at)}>
      {near ? ago(at) : moment(at)}
    </time>
  );
}

export function Period({ start, end }: { start: string; end: string }): JSX.Element {
  return (
    <>
      <Time at={start} /> to <Time at={end} />
    </>
  );
}

/** Buttons that print this page or save it as a file. */
export function SaveAs(): JSX.Element {
  const saving = useAction(save);
  return (
    <span class="saveas screen">
      {saving.error && <span class="bad">The page could not be saved. {saving.error.message}</span>}
      <button type="button" class="plain small" onClick={() => void print()}>
        Print
      </button>
      <button type="button" class="plain small" disabled={saving.busy} onClick={() => void saving.run()}>
        Save as HTML
      </button>
    </span>
  );
}

/** What a document says about itself. */
export function DocumentHead({ organization }: { organization: string }): JSX.Element {
  const now = new Date().toISOString();
  return (
    <p class="imprint">
      DriftGuard, {organization}. As of <Time at={now} />, {utc(now)}. Times are in the time zone {ZONE}. <a href={location.href}>Open this page in DriftGuard</a>
    </p>
  );
}

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What the numbers of a report or an alert measure. */
export function Scales(): JSX.Element {
  return (
    <details class="scales" open={useStore(asDocument)}>
      <summary>How to read these numbers</summary>
      <dl>
        <dt>Drift score</dt>
        <dd>From 0 (same distribution) to 1 (no overlap). For numbers it is D, the largest distance between the two cumulative curves. For categories it is the share of values that would have to change to restore the baseline.</dd>
        <dt>Limit</dt>
        <dd>A feature has drifted if its score is above the limit. The limit is the larger of the model's minimum score and the score that chance could reach.</dd>
        <dt>p-value</dt>
        <dd>The probability of a score this high or higher if nothing had changed.</dd>
        <dt>Severity</dt>
        <dd>Drift score: low below 0.1, medium below 0.2, high from 0.2. Rise of a share: medium from 5 percentage points, high from 15. Drop of a metric: medium from 5% of the reference, high from 10%.</dd>
        <dt>PSI</dt>
        <dd>Population stability index, from 0 upwards. Many teams read 0.1 as a small change and 0.25 as a large one. It decides nothing here.</dd>
        <dt>Wasserstein</dt>
        <dd>The mean distance by which the values moved, in the unit of the feature. It decides nothing here.</dd>
        <dt>pp</dt>
        <dd>Percentage points. From 3% to 5% is a rise of 2 pp.</dd>
      </dl>
    </details>
  );
}

export function Problem({ error, retry, what }: { error: ApiError; retry?: () => void; what: string }): JSX.Element {
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{what}</strong> {error.message}
      </p>
      {error.errors.length > 0 && (
        <ul>
          {error.errors.slice(0, 8).map((entry, index) => (
            <li key={index}>
              <code>{entry.loc.filter((part) => part !== "body").join(" › ")}</code> {entry.msg}
            </li>
          ))}
        </ul>
      )}
      {error.status >= 500 && error.requestId && <p class="muted">Request {error.requestId}</p>}
      {retry && (
        <button type="button" class="small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ title, children }: Children & { title: string }): JSX.Element {
  return (
    <div class="empty">
      <svg width="56" height="28" viewBox="0 0 56 28" aria-hidden="true">
        <path d="M2 25c10 0 11-21 20-21s10 21 20 21" />
        <path d="M14 25c10 0 11-17 20-17s10 17 20 17" />
      </svg>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A placeholder of grey lines. */
export function Loading({ rows = 5, what = "Loading" }: { rows?: number; what?: string }): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="hidden">{what}…</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} />
      ))}
    </div>
  );
}

/** Shows loaded data, or the error. Data from an earlier load stays visible next to a later error. */
export function Loaded<T>({
  of,
  what,
  rows,
  children,
}: {
  of: { data: T | undefined; error: ApiError | undefined; reload: () => void };
  what: string;
  rows?: number;
  children: (data: T) => ComponentChildren;
}): JSX.Element {
  const problem = of.error && <Problem error={of.error} retry={of.reload} what={`Could not load ${what}.`} />;
  if (of.data === undefined) return problem ?? <Loading rows={rows ?? 5} what={`Loading ${what}`} />;
  return (
    <>
      {problem}
      {children(of.data)}
    </>
  );
}

export function Field({
  label,
  hint,
  error,
  children,
}: {
  label: string;
  hint?: string | undefined;
  /** Why the API refused the value. */
  error?: string | undefined;
  children: (id: string, described: string | undefined) => ComponentChildren;
}): JSX.Element {
  const id = useId();
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id, described || undefined)}
      {error && (
        <small id={`${id}-error`} class="fielderror" role="alert">
          {error}
        </small>
      )}
      {hint && (
        <small id={`${id}-hint`} class="muted">
          {hint}
        </small>
      )}
    </div>
  );
}

export function Switch({ checked, onChange, label, disabled }: { checked: boolean; onChange: (value: boolean) => void; label: string; disabled?: boolean }): JSX.Element {
  return (
    <label class="switch">
      <input type="checkbox" role="switch" checked={checked} disabled={disabled} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span aria-hidden="true" />
      {label}
    </label>
  );
}

export function Dialog({ title, onClose, children }: Children & { title: string; onClose: () => void }): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("input, textarea, select")?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === element.current && onClose()}
    >
      <div class="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="plain" aria-label="Close" onClick={onClose}>
            ✕
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Snippet({ label, text }: { label: string; text: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  return (
    <div class="snippet">
      <header>
        <span>{label}</span>
        <button
          type="button"
          class="small"
          onClick={() => {
            void navigator.clipboard.writeText(text).then(() => {
              setCopied(true);
              setTimeout(() => setCopied(false), 2000);
            });
          }}
        >
          <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
        </button>
      </header>
      <pre tabIndex={0} aria-label={label}>
        <code>{text}</code>
      </pre>
    </div>
  );
}

export type Fact = [name: string, value: ComponentChildren, note?: ComponentChildren];

export function Facts({ items }: { items: Fact[] }): JSX.Element {
  return (
    <dl class="facts">
      {items.map(([name, value, note]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note && <small class="muted">{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A column header that sorts by its column. `falls`: the default order is descending. */
export function Sorted({
  by,
  name,
  turned,
  onSort,
  children,
  falls = false,
  class: className = "",
}: Children & { by: string; name: string; turned: boolean; onSort: (name: string) => void; falls?: boolean; class?: string }): JSX.Element {
  const active = by === name;
  const up = falls === turned;
  return (
    <th scope="col" class={className} aria-sort={active ? (up ? "ascending" : "descending") : "none"}>
      <button type="button" class="sort" onClick={() => onSort(name)}>
        {children}
        {active && <span aria-hidden="true">{up ? "↑" : "↓"}</span>}
      </button>
    </th>
  );
}
