import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ApiError } from "../api";
import type { Model, ModelSettings, Task } from "../types";
import { Field } from "../ui";

type Type = Task["type"];
type Matrix = NonNullable<Task["value_matrix"]>;
type Set = (change: Partial<ModelSettings>) => void;

const TYPES: { type: Type | null; title: string; text: string }[] = [
  { type: null, title: "No task", text: "Only drift is watched. Labels are kept for 21 days and joined once the model has a task." },
  { type: "binary", title: "Binary", text: "The model predicts whether something is the case, such as fraud. It may give a score." },
  { type: "multiclass", title: "Multiclass", text: "The model predicts one of several classes." },
  { type: "regression", title: "Regression", text: "The model predicts a number." },
];

const MATRIX: { name: keyof Matrix; label: string; hint: string }[] = [
  { name: "tp", label: "True positive", hint: "Predicted positive, and is positive." },
  { name: "fp", label: "False positive", hint: "Predicted positive, but is negative." },
  { name: "fn", label: "False negative", hint: "Predicted negative, but is positive." },
  { name: "tn", label: "True negative", hint: "Predicted negative, and is negative." },
];

const NEW: Record<Type, Task> = {
  binary: { type: "binary", positive: 1, threshold: 0.5 },
  multiclass: { type: "multiclass", classes: [] },
  regression: { type: "regression" },
};

/** A typed label as the API takes it: a number, a boolean or a text. */
export function parsed(text: string): string | number | boolean | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  if (trimmed === "true" || trimmed === "false") return trimmed === "true";
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(trimmed) && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

/** The task without fields of other types, which the API refuses, and without fields that are empty. */
export function cleaned(task: Task): Task {
  if (task.type === "regression") return { type: "regression" };
  if (task.type === "multiclass") return { type: "multiclass", classes: task.classes ?? [] };
  return { type: "binary", positive: task.positive ?? null, threshold: task.threshold ?? 0.5, ...(task.value_matrix ? { value_matrix: task.value_matrix } : {}) };
}

/** The merge patch from one task to another. Fields that the new task lacks are removed. */
export function taskPatch(old: ModelSettings["task"], now: ModelSettings["task"]): Record<string, unknown> | null | undefined {
  const [before, after] = [old && cleaned(old), now && cleaned(now)];
  if (JSON.stringify(before) === JSON.stringify(after)) return undefined;
  if (!after) return null;
  const removed = Object.fromEntries(Object.keys(before ?? {}).filter((name) => !(name in after)).map((name) => [name, null]));
  return { ...removed, ...after };
}

/** The message of an API error about the setting at `place`, such as ["task", "threshold"]. */
export function errorAt(error: ApiError | undefined, ...place: string[]): string | undefined {
  return error?.errors.find(({ loc }) => loc.slice(2).join("/") === place.join("/"))?.msg;
}

/** What the model predicts, and what a label looks like. */
export function TaskSettings({ model, draft, set, error }: { model: Model; draft: ModelSettings; set: Set; error: ApiError | undefined }): JSX.Element {
  const task = draft.task;
  const change = (values: Partial<Task>): void => set({ task: { ...task!, ...values } });
  const whole = errorAt(error, "task");
  const about = (name: string): string | undefined => errorAt(error, "task", name) ?? (whole?.includes(`\`${name}\``) ? whole : undefined);
  const elsewhere = whole && !["positive", "classes"].some((name) => whole.includes(`\`${name}\``));
  return (
    <section>
      <h2>Labels and performance</h2>
      <p class="muted">
        Labels are the true values of predictions. With a task, they are joined with the predictions and the Performance tab shows how good the predictions are. Once labels are joined, the type and the positive label cannot change.
      </p>
      <div class="choices four" role="radiogroup" aria-label="Task">
        {TYPES.map(({ type, title, text }) => (
          <label key={title} class="choice">
            <input type="radio" name="task" checked={(task?.type ?? null) === type} onChange={() => set({ task: type === null ? null : type === model.settings.task?.type ? model.settings.task : NEW[type] })} />
            <span>
              <b>{title}</b>
              <small>{text}</small>
            </span>
          </label>
        ))}
      </div>
      {error?.status === 409 && <FieldError id="task-error" text={error.message} />}
      {elsewhere && <FieldError id="task-error" text={whole} />}
      {task?.type === "binary" && <Binary task={task} change={change} about={about} />}
      {task?.type === "multiclass" && <Classes task={task} change={change} error={about("classes")} />}
    </section>
  );
}

function Binary({ task, change, about }: { task: Task; change: (values: Partial<Task>) => void; about: (name: string) => string | undefined }): JSX.Element {
  const matrix = task.value_matrix ?? null;
  return (
    <>
      <div class="grid">
        <Typed task={task} change={change} error={about("positive")} />
        <NumberInput label="Threshold" hint="A score at or above this value predicts positive. A change applies to later predictions." value={task.threshold ?? 0.5} min={0} max={1} error={about("threshold")} onChange={(threshold) => change({ threshold })} />
      </div>
      <label class="check">
        <input type="checkbox" checked={matrix !== null} onChange={(event) => change({ value_matrix: event.currentTarget.checked ? { tp: 0, fp: 0, fn: 0, tn: 0 } : null })} /> Show the value of predictions, in money per prediction
      </label>
      {matrix && (
        <div class="grid">
          {MATRIX.map(({ name, label, hint }) => (
            <NumberInput key={name} label={label} hint={hint} value={matrix[name] ?? 0} error={about(name)} onChange={(value) => change({ value_matrix: { ...matrix, [name]: value } })} />
          ))}
        </div>
      )}
    </>
  );
}

function Typed({ task, change, error }: { task: Task; change: (values: Partial<Task>) => void; error: string | undefined }): JSX.Element {
  const [text, setText] = useState(String(task.positive ?? ""));
  return (
    <Field label="Positive label" hint="The label that the model looks for, such as 1, true or yes. Every other label is negative." error={error}>
      {(id, described) => (
        <input
          id={id}
          aria-describedby={described}
          aria-invalid={error ? "true" : undefined}
          value={parsed(text) === task.positive ? text : String(task.positive ?? "")}
          maxLength={256}
          onInput={(event) => {
            setText(event.currentTarget.value);
            change({ positive: parsed(event.currentTarget.value) });
          }}
        />
      )}
    </Field>
  );
}

function Classes({ task, change, error }: { task: Task; change: (values: Partial<Task>) => void; error: string | undefined }): JSX.Element {
  const [text, setText] = useState((task.classes ?? []).join("\n"));
  const read = (value: string): Task["classes"] => value.split("\n").map(parsed).filter((one) => one !== null);
  const shown = JSON.stringify(read(text)) === JSON.stringify(task.classes ?? []) ? text : (task.classes ?? []).join("\n");
  return (
    <div class="classes">
      <Field label="Classes, one per line" hint="2 to 50 classes. Once labels are joined, add new classes at the end." error={error}>
        {(id, described) => (
          <textarea
            id={id}
            rows={6}
            aria-describedby={described}
            aria-invalid={error ? "true" : undefined}
            value={shown}
            onInput={(event) => {
              setText(event.currentTarget.value);
              change({ classes: read(event.currentTarget.value) });
            }}
          />
        )}
      </Field>
    </div>
  );
}

function NumberInput({ label, hint, value, min, max, error, onChange }: { label: string; hint: string; value: number; min?: number; max?: number; error: string | undefined; onChange: (value: number) => void }): JSX.Element {
  return (
    <Field label={label} hint={hint} error={error}>
      {(id, described) => (
        <input
          id={id}
          aria-describedby={described}
          aria-invalid={error ? "true" : undefined}
          type="number"
          inputMode="decimal"
          step="any"
          min={min}
          max={max}
          required
          value={Number.isNaN(value) ? "" : value}
          onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
        />
      )}
    </Field>
  );
}

function FieldError({ id, text }: { id: string; text: string }): JSX.Element {
  return (
    <p id={id} class="fielderror" role="alert">
      {text}
    </p>
  );
}
