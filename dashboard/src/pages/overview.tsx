import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { call, forget } from "../api";
import { Sparkline } from "../charts/sparkline";
import { plural, score } from "../format";
import { amount, metric } from "../metrics";
import { useAction, useAdmin, useResource, useTitle } from "../hooks";
import { go, setQuery, to } from "../router";
import type { Model, Scheduler, State } from "../types";
import { Dialog, Empty, Field, Loaded, Name, Problem, Sorted, StateTag, Time } from "../ui";
import { STATES, STATE_ORDER } from "../words";

const PAGES = 20;
const AT_ONCE = 100;

type Order = "state" | "name" | "score" | "alerts" | "checked";

const COMPARE: Record<Order, (a: Model, b: Model) => number> = {
  state: (a, b) => STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state) || (b.drift_score ?? -1) - (a.drift_score ?? -1),
  name: (a, b) => a.name.localeCompare(b.name),
  score: (a, b) => (b.drift_score ?? -1) - (a.drift_score ?? -1),
  alerts: (a, b) => b.open_alerts - a.open_alerts,
  checked: (a, b) => (b.last_checked_at ?? "").localeCompare(a.last_checked_at ?? ""),
};

export function OverviewPage({ query }: { query: URLSearchParams }): JSX.Element {
  useTitle("Overview");
  const models = useResource<Model[]>("/models?limit=500", { pages: PAGES });
  const admin = useAdmin();
  const [adding, setAdding] = useState(false);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Overview</h1>
        {admin && models.data && models.data.length > 0 && (
          <button type="button" onClick={() => setAdding(true)}>
            New model
          </button>
        )}
      </div>
      <Schedule />
      <Loaded of={models} what="the models" rows={8}>
        {(found) =>
          found.length === 0 ? (
            <Empty title="No models yet">
              {admin ? (
                <>
                  <p>Create a model, send its baseline, and log its predictions. DriftGuard checks each model every 15 minutes.</p>
                  <button type="button" class="primary" onClick={() => setAdding(true)}>
                    New model
                  </button>
                </>
              ) : (
                <p>Ask somebody with an admin key to create the first model.</p>
              )}
            </Empty>
          ) : (
            <Models models={found} query={query} />
          )
        }
      </Loaded>
      {adding && <NewModel onClose={() => setAdding(false)} />}
    </>
  );
}

function Schedule(): JSX.Element | null {
  const { data } = useResource<Scheduler>("/scheduler/status");
  const job = data?.jobs[0];
  if (!data || !job) return <p class="schedule">&nbsp;</p>;
  return (
    <p class="schedule">
      {job.last_run ? (
        <>
          Last run <Time at={job.last_run} relative />: {plural(job.models_checked, "model")} checked
          {job.models_skipped > 0 && `, ${job.models_skipped} skipped`}
          {job.models_failed > 0 && <b class="bad">, {job.models_failed} failed</b>}.
        </>
      ) : (
        "The schedule has not run yet."
      )}{" "}
      {data.is_running && job.next_run ? (
        <>
          Next run <Time at={job.next_run} relative />.
        </>
      ) : (
        !data.is_running && <b class="bad">The schedule is switched off.</b>
      )}
    </p>
  );
}

function Models({ models, query }: { models: Model[]; query: URLSearchParams }): JSX.Element {
  const search = query.get("q") ?? "";
  const state = query.get("state") as State | null;
  const by = (query.get("sort") ?? "state") as Order;
  const turned = query.get("order") === "turned";
  const [most, setMost] = useState(AT_ONCE);

  const counts = useMemo(() => {
    const result = new Map<State, number>();
    for (const model of models) result.set(model.state, (result.get(model.state) ?? 0) + 1);
    return result;
  }, [models]);
  const shown = useMemo(() => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (model: Model): string => [model.name, model.description ?? "", ...Object.entries(model.labels).flat()].join(" ").toLowerCase();
    const found = models.filter((model) => (!state || model.state === state) && words.every((word) => text(model).includes(word)));
    found.sort((a, b) => (COMPARE[by] ?? COMPARE.state)(a, b) || a.name.localeCompare(b.name));
    return turned ? found.reverse() : found;
  }, [models, search, state, by, turned]);
  const sort = (name: string): void => setQuery({ sort: name === "state" ? null : name, order: by === name && !turned ? "turned" : null });
  const head = { by, turned, onSort: sort };
  const labelled = models.some(({ performance }) => performance !== null);

  return (
    <>
      <div class="filters">
        <input type="search" placeholder="Search models" aria-label="Search models" value={search} onInput={(event) => setQuery({ q: event.currentTarget.value })} />
        <div class="chips" role="group" aria-label="State">
          <button type="button" aria-pressed={!state} onClick={() => setQuery({ state: null })}>
            All <b>{models.length}</b>
          </button>
          {STATE_ORDER.filter((name) => counts.has(name)).map((name) => (
            <button key={name} type="button" aria-pressed={state === name} onClick={() => setQuery({ state: state === name ? null : name })}>
              <i class={STATES[name].tone} aria-hidden="true" />
              {STATES[name].label} <b>{counts.get(name)}</b>
            </button>
          ))}
        </div>
      </div>
      {shown.length === 0 ? (
        <Empty title="No models match">
          <button type="button" onClick={() => setQuery({ q: null, state: null })}>
            Show all
          </button>
        </Empty>
      ) : (
        <div class="sheet">
          <table>
            <thead>
              <tr>
                <Sorted {...head} name="name">
                  Model
                </Sorted>
                <Sorted {...head} name="state">
                  State
                </Sorted>
                <Sorted {...head} name="score" falls class="number">
                  <span title="The highest drift score of the model's features, from 0 to 1">Score</span>
                </Sorted>
                <th scope="col" class="wide" title="The highest drift score of each day. The dashed line is the minimum score.">
                  Last 7 days
                </th>
                {labelled && (
                  <th scope="col" class="number wide">
                    Performance
                  </th>
                )}
                <Sorted {...head} name="alerts" falls class="number">
                  Alerts
                </Sorted>
                <Sorted {...head} name="checked" falls class="wide">
                  Checked
                </Sorted>
              </tr>
            </thead>
            <tbody>
              {shown.slice(0, most).map((model) => (
                <tr key={model.id}>
                  <th scope="row">
                    <a href={to("models", model.id)} class="cover">
                      <Name of={model.name} />
                    </a>
                    <span class="labels">
                      {Object.entries(model.labels)
                        .slice(0, 3)
                        .map(([name, value]) => (
                          <span key={name}>
                            {name}: {value}
                          </span>
                        ))}
                      {model.performance && (
                        <span class="narrow">
                          {metric(model.performance.metric).label} {amount(model.performance.metric, model.performance.value)}
                          {model.performance.degraded && <b class="bad"> worse</b>}
                        </span>
                      )}
                    </span>
                  </th>
                  <td>
                    <StateTag state={model.state} preliminary={model.preliminary} />
                    {!model.settings.enabled && <span class="muted"> paused</span>}
                  </td>
                  <td class="number">{score(model.drift_score)}</td>
                  <td class="wide">
                    <Sparkline values={model.recent_scores} limit={model.settings.min_drift_score} />
                  </td>
                  {labelled && (
                    <td class="number wide">
                      <Headline of={model} />
                    </td>
                  )}
                  <td class="number">
                    {model.open_alerts ? (
                      <a class="above" href={to("alerts", { model: model.id })} aria-label={`${plural(model.open_alerts, "open alert")} of ${model.name}`}>
                        {model.open_alerts}
                      </a>
                    ) : (
                      <span class="muted">0</span>
                    )}
                  </td>
                  <td class="wide">{model.last_checked_at ? <Time at={model.last_checked_at} relative /> : <span class="muted">never</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown.length > most && (
        <button type="button" class="more" onClick={() => setMost(most + 4 * AT_ONCE)}>
          Show more ({shown.length - most})
        </button>
      )}
    </>
  );
}

/** The metric that stands for the model, and whether it is worse than the reference. */
function Headline({ of: { id, name, performance } }: { of: Model }): JSX.Element {
  if (!performance) return <span class="muted">–</span>;
  const { label } = metric(performance.metric);
  return (
    <a class={`above plain ${performance.degraded ? "bad" : ""}`} href={to("models", id, "performance")} aria-label={`${label} of ${name}: ${amount(performance.metric, performance.value)}${performance.degraded ? ", worse than the reference" : ""}`}>
      {amount(performance.metric, performance.value)}
      <small class="muted">
        {label}
        {performance.degraded && <b class="bad"> worse</b>}
      </small>
    </a>
  );
}

function NewModel({ onClose }: { onClose: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const { run, busy, error } = useAction(async () => {
    const { data } = await call<Model>("POST", "/models", { body: { name, ...(description ? { description } : {}) } });
    forget("/models");
    onClose();
    go(to("models", data.id));
  });
  return (
    <Dialog title="New model" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <Field label="Name" hint="Must be unique within your organization.">
          {(id, described) => <input id={id} aria-describedby={described} value={name} required maxLength={128} onInput={(event) => setName(event.currentTarget.value)} />}
        </Field>
        <Field label="Description">
          {(id) => <textarea id={id} rows={2} maxLength={2000} value={description} onInput={(event) => setDescription(event.currentTarget.value)} />}
        </Field>
        {error && <Problem error={error} what="The model was not created." />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            Create model
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
