import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { at, call, forget } from "../api";
import { moment, plural } from "../format";
import { useAction, useAdmin } from "../hooks";
import { go, to } from "../router";
import type { FeatureOverride, Model, ModelSettings, Rule, Simulation } from "../types";
import { Dialog, Field, Problem, SeverityMark, Switch } from "../ui";
import { ALERT_TYPES } from "../words";
import { TaskSettings, errorAt, taskPatch } from "./task-settings";
import { SOURCES, sourceWords } from "./references";

const DEFAULTS: Omit<ModelSettings, "features" | "task"> = {
  window_days: 7,
  rule: "budget",
  alpha: 0.05,
  min_drift_score: 0.05,
  sudden: true,
  sudden_score: null,
  first_week_score: 0.2,
  min_share_change: 0.02,
  min_samples: 100,
  warmup_hours: 0,
  renotify_hours: 24,
  resolve_after_hours: 24,
  no_data_hours: "auto",
  label_ratio: 0.8,
  maturity_hours: null,
  label_wait_days: 90,
  min_labels: 100,
  min_performance_drop: 0.02,
  reference: "training",
  enabled: true,
};

type NumberName = Exclude<keyof typeof DEFAULTS, "rule" | "enabled" | "sudden" | "reference">;

/** The value of a number that may be left to the service: "auto" or null, whichever the API uses for the setting. */
type Amount = number | "auto" | null;

interface Entry {
  name: NumberName;
  label: string;
  hint: string;
  min: number;
  max: number;
  step: number | "any";
}

const GROUPS: { title: string; about: string; entries: Entry[] }[] = [
  {
    title: "What counts as drift",
    about: "These settings apply to every feature and to the prediction.",
    entries: [
      { name: "min_drift_score", label: "Minimum score", hint: "From 0 to 1. A feature with a smaller score has not drifted, whatever its p-value is.", min: 0, max: 1, step: "any" },
      { name: "alpha", label: "Alpha", hint: "With the rule Budget: false alarms per model and month. With the rule p-value: significance level of each test.", min: 0, max: 1, step: "any" },
      { name: "min_samples", label: "Minimum sample size", hint: "A feature with fewer values in the window gets no verdict.", min: 1, max: 1e9, step: 1 },
      { name: "sudden_score", label: "Minimum sudden change", hint: "Difference from the model's own past at the same hours. Leave empty for 1.5 times the minimum score.", min: 0, max: 1, step: "any" },
      { name: "first_week_score", label: "Tolerance of the first week", hint: "Difference that daily and weekly cycles may cause before the data covers a window.", min: 0, max: 1, step: "any" },
      { name: "min_share_change", label: "Minimum change of a share", hint: "For missing, new, out-of-range and wrongly typed values. 0.02 is 2 percentage points.", min: 0, max: 1, step: "any" },
    ],
  },
  {
    title: "Time",
    about: "",
    entries: [
      { name: "window_days", label: "Window (days)", hint: "Use whole weeks to average out weekdays.", min: 1, max: 14, step: 1 },
      { name: "warmup_hours", label: "Warm-up (hours)", hint: "No alert opens until the model has this many hours of data.", min: 0, max: 672, step: 1 },
      { name: "no_data_hours", label: "No data after (hours)", hint: "Open a no-data alert after this many hours without a prediction. Leave empty for the automatic limit: 1.5 times the longest gap of the last 14 days, at least 24 hours.", min: 1, max: 2160, step: 1 },
    ],
  },
  {
    title: "Messages",
    about: "",
    entries: [
      { name: "renotify_hours", label: "Reminder interval (hours)", hint: "DriftGuard repeats the message at this interval until somebody acknowledges the alert.", min: 1, max: 2160, step: 1 },
      { name: "resolve_after_hours", label: "Resolve after (hours)", hint: "Close the alert after this many hours below the limit.", min: 1, max: 2160, step: 1 },
    ],
  },
];

/** Settings that matter only if the model has a task. */
const OF_LABELS: Entry[] = [
  { name: "label_ratio", label: "Labelled share of a day", hint: "A day is mature, and judged, when this share of its predictions has a label. 0.8 is 80%.", min: 0.01, max: 1, step: "any" },
  { name: "maturity_hours", label: "Mature after (hours)", hint: "A day is also mature this many hours after its end. Leave empty to learn the time from the delay of the labels, at least 24 hours.", min: 1, max: 2160, step: 1 },
  { name: "label_wait_days", label: "Wait for labels (days)", hint: "Labels of older predictions are refused. A change applies to later days.", min: 1, max: 400, step: 1 },
  { name: "min_labels", label: "Minimum number of labels", hint: "A metric of fewer labels is not compared with the reference.", min: 1, max: 1e9, step: 1 },
  { name: "min_performance_drop", label: "Minimum drop", hint: "A smaller drop of a metric opens no alert. 0.02 is 2 percentage points. Errors must rise by 5%.", min: 0, max: 1, step: "any" },
];

/** The JSON merge patch from `old` to `now`. Null removes an override, so that the default applies again. */
export function difference(old: ModelSettings, now: ModelSettings): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) if (old[name] !== now[name]) patch[name] = now[name];
  const task = taskPatch(old.task, now.task);
  if (task !== undefined) patch.task = task;
  const features: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(old.features), ...Object.keys(now.features)])) {
    const [before, after] = [old.features[name], now.features[name]];
    if (!after) features[name] = null;
    else {
      const changes: Record<string, unknown> = {};
      for (const key of new Set([...Object.keys(before ?? {}), ...Object.keys(after)]) as Set<keyof FeatureOverride>)
        if ((before?.[key] ?? null) !== (after[key] ?? null)) changes[key] = after[key] ?? null;
      if (!before || Object.keys(changes).length) features[name] = changes;
    }
  }
  if (Object.keys(features).length) patch.features = features;
  return patch;
}

export function SettingsPart({ model, changed }: { model: Model; changed: () => void }): JSX.Element {
  const admin = useAdmin();
  const [draft, setDraft] = useState<ModelSettings>(model.settings);
  const [saved, setSaved] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const patch = difference(model.settings, draft);
  const dirty = Object.keys(patch).length > 0;
  const set = (change: Partial<ModelSettings>): void => {
    setSaved(false);
    setDraft({ ...draft, ...change });
  };
  const save = useAction(async () => {
    const { data } = await call<Model>("PATCH", at`/models/${model.id}`, { body: { settings: patch } });
    forget("/models");
    setDraft(data.settings);
    setSaved(true);
    changed();
  });
  return (
    <>
      {!admin && <p class="lead muted">This key can only read the settings. Use an admin key to change them.</p>}
      <form
        class="settings"
        onSubmit={(event) => {
          event.preventDefault();
          void save.run();
        }}
      >
        <fieldset disabled={!admin}>
          <legend class="hidden">Settings of {model.name}</legend>
          <Switch label="Check this model" checked={draft.enabled} onChange={(enabled) => set({ enabled })} disabled={!admin} />
          <section>
            <h2>Rule</h2>
            <div class="choices" role="radiogroup" aria-label="Rule">
              <Choice rule="budget" chosen={draft.rule} set={set} title="Budget" text="At most alpha false alarms per model and month, counted over all features and checks. The rule allows for the model's usual variation between days." />
              <Choice rule="p_value" chosen={draft.rule} set={set} title="p-value" text="A feature has drifted if its p-value is below alpha. Each feature and check is tested separately, so expect several false alarms a month." />
            </div>
          </section>
          {draft.rule === "budget" && <Switch label="Compare the last hours with the model's own past" checked={draft.sudden} onChange={(sudden) => set({ sudden })} />}
          <Field label="Reports also compare with" hint="Earlier days of this model, beside the baseline. Alerts do not depend on this.">
            {(id, described) => (
              <select
                id={id}
                aria-describedby={described}
                value={draft.reference}
                onChange={(event) => set({ reference: SOURCES.find((source) => source === event.currentTarget.value) ?? "training" })}
              >
                {SOURCES.map((source) => (
                  <option key={source} value={source}>
                    {sourceWords(source, draft.window_days)}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {GROUPS.map(({ title, about, entries }) => (
            <section key={title}>
              <h2>{title}</h2>
              {about && <p class="muted">{about}</p>}
              <div class="grid">
                {entries.map((entry) => (
                  <NumberField key={entry.name} entry={entry} value={draft[entry.name]} error={errorAt(save.error, entry.name)} onChange={(value) => set({ [entry.name]: value })} />
                ))}
              </div>
            </section>
          ))}
          <TaskSettings model={model} draft={draft} set={set} error={save.error} />
          {draft.task && (
            <div class="grid">
              {OF_LABELS.map((entry) => (
                <NumberField key={entry.name} entry={entry} value={draft[entry.name]} error={errorAt(save.error, entry.name)} onChange={(value) => set({ [entry.name]: value })} />
              ))}
            </div>
          )}
          <Overrides draft={draft} set={set} editable={admin} />
        </fieldset>
        {admin && (
          <div class={`savebar ${dirty ? "dirty" : ""}`}>
            <button type="submit" class="primary" disabled={!dirty || save.busy}>
              Save
            </button>
            <button type="button" disabled={!dirty} onClick={() => setDraft(model.settings)}>
              Undo
            </button>
            <span role="status" class="muted">
              {saved && !dirty ? "Saved. The next check uses the new settings." : dirty ? `${plural(changes(patch), "change")} not saved.` : ""}
            </span>
          </div>
        )}
        {save.error && <Problem error={save.error} what="The settings were not saved." />}
      </form>
      {admin && model.baseline_version !== null && <Preview model={model} patch={patch} dirty={dirty} />}
      {admin && (
        <section class="danger">
          <h2>Delete this model</h2>
          <p class="muted">The API stops showing the model at once. Its baseline, predictions, history and alerts are then erased in the background.</p>
          <button type="button" class="dangerous" onClick={() => setDeleting(true)}>
            Delete model
          </button>
        </section>
      )}
      {deleting && <Delete model={model} onClose={() => setDeleting(false)} />}
    </>
  );
}

const changes = (patch: Record<string, unknown>): number => {
  const { features, ...own } = patch;
  return Object.keys(own).length + Object.keys((features as object | undefined) ?? {}).length;
};

function Choice({ rule, chosen, set, title, text }: { rule: Rule; chosen: Rule; set: (change: Partial<ModelSettings>) => void; title: string; text: string }): JSX.Element {
  return (
    <label class="choice">
      <input type="radio" name="rule" checked={rule === chosen} onChange={() => set({ rule })} />
      <span>
        <b>{title}</b>
        <small>{text}</small>
      </span>
    </label>
  );
}

/** A field for a number. A setting whose default is automatic may stay empty. */
function NumberField({ entry, value, error, onChange }: { entry: Entry; value: Amount; error: string | undefined; onChange: (value: Amount) => void }): JSX.Element {
  const usual = DEFAULTS[entry.name];
  const automatic = usual === "auto" || usual === null;
  return (
    <Field label={entry.label} hint={`${entry.hint}${value === usual ? "" : ` Default ${usual ?? "automatic"}.`}`} error={error}>
      {(id, described) => (
        <input
          id={id}
          aria-describedby={described}
          aria-invalid={error ? "true" : undefined}
          type="number"
          inputMode="decimal"
          min={entry.min}
          max={entry.max}
          step={entry.step}
          required={!automatic}
          placeholder={automatic ? "automatic" : undefined}
          value={value === "auto" || value === null || Number.isNaN(value) ? "" : value}
          onInput={(event) => {
            const typed = event.currentTarget;
            // An input that the browser cannot read is empty too, but not valid.
            onChange(automatic && Number.isNaN(typed.valueAsNumber) && !typed.validity.badInput ? usual : typed.valueAsNumber);
          }}
        />
      )}
    </Field>
  );
}

function Overrides({ draft, set, editable }: { draft: ModelSettings; set: (change: Partial<ModelSettings>) => void; editable: boolean }): JSX.Element {
  const [name, setName] = useState("");
  const names = Object.keys(draft.features);
  const change = (feature: string, values: FeatureOverride): void => set({ features: { ...draft.features, [feature]: { ...draft.features[feature], ...values } } });
  const number = (feature: string, key: "alpha" | "min_drift_score" | "min_samples", label: string): JSX.Element => (
    <input
      type="number"
      step={key === "min_samples" ? 1 : "any"}
      min={key === "min_samples" ? 1 : 0}
      max={key === "min_samples" ? 1e9 : 1}
      aria-label={`${label} of ${feature}`}
      placeholder={String(draft[key])}
      value={draft.features[feature]?.[key] ?? ""}
      onInput={(event) => change(feature, { [key]: event.currentTarget.value === "" ? null : event.currentTarget.valueAsNumber })}
    />
  );
  return (
    <section>
      <h2>Settings for single features</h2>
      {names.length === 0 && <p class="muted">All features use the settings above.</p>}
      {names.length > 0 && (
        <div class="sheet">
          <table class="overrides">
            <thead>
              <tr>
                <th scope="col">Feature</th>
                <th scope="col">Tested</th>
                <th scope="col">Rule</th>
                <th scope="col">Minimum score</th>
                <th scope="col">Alpha</th>
                <th scope="col">Minimum sample size</th>
                {editable && (
                  <th scope="col">
                    <span class="hidden">Remove</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {names.map((feature) => {
                const own = draft.features[feature]!;
                return (
                  <tr key={feature}>
                    <th scope="row">{feature}</th>
                    <td>
                      <input type="checkbox" aria-label={`${feature} is tested`} checked={own.enabled !== false} onChange={(event) => change(feature, { enabled: event.currentTarget.checked ? null : false })} />
                    </td>
                    <td>
                      <select aria-label={`Rule of ${feature}`} value={own.rule ?? ""} onChange={(event) => change(feature, { rule: (event.currentTarget.value || null) as Rule | null })}>
                        <option value="">model's rule</option>
                        <option value="budget">budget</option>
                        <option value="p_value">p-value</option>
                      </select>
                    </td>
                    <td>{number(feature, "min_drift_score", "Minimum score")}</td>
                    <td>{number(feature, "alpha", "Alpha")}</td>
                    <td>{number(feature, "min_samples", "Minimum sample size")}</td>
                    {editable && (
                      <td class="end">
                        <button
                          type="button"
                          class="plain"
                          aria-label={`Remove the settings of ${feature}`}
                          onClick={() => set({ features: Object.fromEntries(Object.entries(draft.features).filter(([key]) => key !== feature)) })}
                        >
                          ✕
                        </button>
                      </td>
                    )}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {editable && (
        <div class="joined add">
          <input aria-label="Name of a feature" placeholder="feature name, or prediction" value={name} maxLength={128} onInput={(event) => setName(event.currentTarget.value)} />
          <button
            type="button"
            disabled={!name || name in draft.features}
            onClick={() => {
              set({ features: { ...draft.features, [name]: {} } });
              setName("");
            }}
          >
            Add
          </button>
        </div>
      )}
    </section>
  );
}

interface Compared {
  now: Simulation;
  then: Simulation | null;
  days: number;
}

/** Compares the alerts that the draft and the saved settings would have opened. */
function Preview({ model, patch, dirty }: { model: Model; patch: Record<string, unknown>; dirty: boolean }): JSX.Element {
  const [days, setDays] = useState(14);
  const [result, setResult] = useState<Compared & { of: string }>();
  const key = JSON.stringify([patch, days]);
  const { run, busy, error } = useAction(async () => {
    const ask = async (settings: unknown): Promise<Simulation> => (await call<Simulation>("POST", at`/drift/models/${model.id}/simulate`, { body: { settings, days } })).data;
    const now = await ask({});
    setResult({ now, then: dirty ? await ask(patch) : null, days, of: key });
  });
  const stale = result && result.of !== key;
  return (
    <section class="preview">
      <div class="head">
        <h2>Preview</h2>
        <div class="filters inline">
          <select aria-label="How far back" value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
            {[7, 14, 28].map((value) => (
              <option key={value} value={value}>
                Last {value} days
              </option>
            ))}
          </select>
          <button type="button" onClick={() => void run()} disabled={busy}>
            {busy ? "Replaying…" : "Preview"}
          </button>
        </div>
      </div>
      <p class="muted">Shows which alerts these settings would have opened. The preview replays stored hourly counts. It saves and sends nothing.</p>
      {error && <Problem error={error} what="The preview failed." />}
      <div aria-live="polite">
        {result && (
          <>
            {stale && <p class="notice">The settings have changed since this preview.</p>}
            <div class="pair">
              <Outcome title="As saved" of={result.now} />
              {result.then && <Outcome title="With these changes" of={result.then} />}
            </div>
          </>
        )}
      </div>
    </section>
  );
}

function Outcome({ title, of }: { title: string; of: Simulation }): JSX.Element {
  return (
    <div class="outcome">
      <h3>{title}</h3>
      <p class="figures">
        <b>{of.alerts.length}</b> {of.alerts.length === 1 ? "alert" : "alerts"} <b>{of.messages}</b> {of.messages === 1 ? "message" : "messages"}{" "}
        <span class="muted">in {plural(of.checks, "check")}</span>
      </p>
      <ul>
        {of.alerts.slice(0, 20).map((alert, index) => {
          const names = alert.features;
          return (
            <li key={index}>
              <SeverityMark severity={alert.severity} />
              <span>
                {ALERT_TYPES[alert.alert_type]}
                {names.length > 0 && `: ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`}
                <small class="muted">
                  {moment(alert.opened_at)} {alert.resolved_at ? `to ${moment(alert.resolved_at)}` : "until now"}
                </small>
              </span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Delete({ model, onClose }: { model: Model; onClose: () => void }): JSX.Element {
  const [typed, setTyped] = useState("");
  const { run, busy, error } = useAction(async () => {
    await call("DELETE", at`/models/${model.id}`);
    forget("/models");
    forget("/drift");
    go(to());
  });
  return (
    <Dialog title="Delete this model?" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <p>
          All data of <b>{model.name}</b> will be erased. You cannot undo this.
        </p>
        <Field label="Type the model's name">{(id) => <input id={id} value={typed} autocomplete="off" onInput={(event) => setTyped(event.currentTarget.value)} />}</Field>
        {error && <Problem error={error} what="The model was not deleted." />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="dangerous" disabled={busy || typed !== model.name}>
            Delete permanently
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
