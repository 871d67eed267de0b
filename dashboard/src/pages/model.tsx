import { Fragment } from "preact";
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { at, call, forget } from "../api";
import { asDocument } from "../document";
import { Miniature } from "../charts/miniature";
import { ScoreBar, ScoreChart } from "../charts/scores";
import { ago, count, pValue, plural, score, share } from "../format";
import { useAction, useAdmin, useResource, useTick, useTitle } from "../hooks";
import { setQuery, to } from "../router";
import { useStore } from "../store";
import type { Alert, AlertDetail, AlertType, Feature, Model, Queued, Report, State } from "../types";
import { Empty, Facts, Loaded, Name, Period, Problem, SaveAs, Scales, Sorted, StateTag, Time } from "../ui";
import { ALERT_TYPES, KINDS, key, limit, typeChange } from "../words";
import { BaselinePart } from "./baseline";
import { ConnectPart } from "./connect";
import { FeaturePanel, useHistory } from "./feature";
import type { History, Span } from "./feature";
import { SettingsPart } from "./model-settings";
import { PerformancePart } from "./performance";
import { Reference } from "./references";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MANY = 100;
/** Days to show. The history is kept for 400 days by default. */
const PERIODS = [1, 7, 30, 120, 400];
const AT_ONCE = 60;
/** The most features that a document opens. */
const OPEN = 12;

const PARTS = [
  ["", "Drift"],
  ["performance", "Performance"],
  ["baseline", "Baseline"],
  ["settings", "Settings"],
  ["connect", "Connect"],
] as const;

export function ModelPage({ id, part, query }: { id: string; part: string; query: URLSearchParams }): JSX.Element {
  const model = useResource<Model>(at`/models/${id}`);
  useTitle(model.data?.name ?? "Model");
  if (model.error?.status === 404 && !model.data)
    return (
      <Empty title="Model not found">
        <p>
          The model may belong to another organization, or it was deleted. <a href={to()}>All models</a>
        </p>
      </Empty>
    );
  return (
    <Loaded of={model} what="the model" rows={8}>
      {(found) => (
        <>
          <p class="crumbs">
            <a href={to()}>Overview</a>
            {(part === "" || part === "performance") && <SaveAs />}
          </p>
          <div class="head">
            <div>
              <h1 tabIndex={-1}>
                <Name of={found.name} />
              </h1>
              <p class="tags">
                <StateTag state={found.state} preliminary={found.preliminary} />
                {!found.settings.enabled && <span class="tag outline">paused</span>}
                {found.open_alerts > 0 && <a href={to("alerts", { model: id })}>{plural(found.open_alerts, "open alert")}</a>}
                {Object.entries(found.labels).map(([name, value]) => (
                  <span key={name} class="muted">
                    {name}: {value}
                  </span>
                ))}
              </p>
            </div>
            <CheckNow model={found} changed={model.reload} />
          </div>
          {found.description && <p class="about">{found.description}</p>}
          <nav class="tabs" aria-label="Parts of the model">
            {PARTS.map(([name, label]) => (
              <a key={name} href={name ? to("models", id, name) : to("models", id)} aria-current={part === name ? "page" : undefined}>
                {label}
              </a>
            ))}
          </nav>
          {part === "performance" ? (
            <PerformancePart model={found} query={query} key={found.last_checked_at} />
          ) : part === "settings" ? (
            <SettingsPart model={found} changed={model.reload} />
          ) : part === "baseline" ? (
            <BaselinePart model={found} changed={model.reload} key={found.baseline_version} />
          ) : part === "connect" ? (
            <ConnectPart model={found} />
          ) : (
            <DriftPart model={found} query={query} key={found.last_checked_at} />
          )}
        </>
      )}
    </Loaded>
  );
}

function CheckNow({ model, changed }: { model: Model; changed: () => void }): JSX.Element | null {
  const admin = useAdmin();
  const [said, setSaid] = useState("");
  const { run, busy, error } = useAction(async () => {
    setSaid("");
    const { data } = await call<Report | Queued>("POST", at`/drift/models/${model.id}/check`);
    forget(at`/drift/models/${model.id}`);
    const nothing = data.status === "no_data" || data.status === "no_baseline";
    setSaid(data.status === "queued" ? "The check continues in the background." : nothing && data.reason ? `Checked: ${data.reason.replace(/\.$/, "")}.` : "Checked.");
    changed();
  });
  if (!admin || model.baseline_version === null) return null;
  return (
    <div class="actions">
      <span class="muted" role="status">
        {busy ? "" : error ? error.message : said}
      </span>
      <button type="button" onClick={() => void run()} disabled={busy}>
        {busy ? "Checking…" : "Check now"}
      </button>
    </div>
  );
}

function DriftPart({ model, query }: { model: Model; query: URLSearchParams }): JSX.Element {
  const report = useResource<Report>(model.last_checked_at === null ? null : at`/drift/models/${model.id}/report`);
  if (model.last_checked_at === null) return <ConnectPart model={model} first />;
  if (report.error?.status === 404 && !report.data) return <ConnectPart model={model} first />;
  return (
    <Loaded of={report} what="the last report" rows={8}>
      {(found) => <Drift model={model} report={found} query={query} />}
    </Loaded>
  );
}

function Drift({ model, report, query }: { model: Model; report: Report; query: URLSearchParams }): JSX.Element {
  useTick(60_000);
  const young = Date.now() - Date.parse(model.created_at) < DAY && model.recent_scores.length <= 2;
  const days = Number(query.get("days")) || (young || report.features.length > MANY ? 1 : 7);
  const until = Math.max(Date.now(), Date.parse(report.checked_at));
  const span = { from: until - days * DAY, until };
  const history = useHistory(model.id, span);
  const alerts = useResource<Alert[]>(`${at`/drift/models/${model.id}/alerts`}?days=${days}&limit=100`);
  const checks = useMemo(() => history.rows?.map((row) => ({ at: Date.parse(row.checked_at), score: row.drift_score, replayed: row.replayed })), [history.rows]);
  const strongest = report.features.reduce<Feature | null>((best, feature) => ((feature.drift_score ?? -1) > (best?.drift_score ?? -1) ? feature : best), null);
  const drifted = report.features.filter((feature) => feature.drifted);
  return (
    <>
      {report.reason && <p class="lead">{report.reason}</p>}
      <Held model={model} />
      <Unwatched model={model} report={report} />
      <Notes report={report} />
      <Facts
        items={[
          ["Drift score", score(report.drift_score), strongest ? `of ${strongest.name}` : undefined],
          ["p-value", pValue(report.p_value)],
          ["Drifted", `${drifted.length} of ${report.features.length}`, report.features.some((feature) => feature.role === "prediction") ? "features and prediction" : "features"],
          ["Checked", <Time at={report.checked_at} relative />],
          ["Window", plural(report.n_window, "row"), <Period {...report.window} />],
          ["Baseline", <a href={to("models", model.id, "baseline")}>version {report.baseline_version ?? "–"}</a>, plural(report.n_baseline, "row")],
        ]}
      />
      <section>
        <div class="head">
          <h2>Drift score</h2>
          <div class="chips" role="group" aria-label="Time shown">
            {PERIODS.map((value) => (
              <button key={value} type="button" aria-pressed={days === value} onClick={() => setQuery({ days: String(value) })}>
                {plural(value, "day")}
              </button>
            ))}
          </div>
        </div>
        {checks ? (
          <ScoreChart
            checks={checks}
            from={span.from}
            until={span.until}
            limit={strongest?.threshold ?? model.settings.min_drift_score}
            limitText={strongest?.threshold ? `limit of ${strongest.name} now` : "limit"}
            alerts={alerts.data ?? []}
            label="Drift score"
          />
        ) : history.error ? (
          <Problem error={history.error} what="Could not load the checks." retry={history.reload} />
        ) : (
          <div class="chart waiting tall" />
        )}
      </section>
      <Features features={report.features} query={query} span={span} history={history} alerts={alerts.data ?? []} />
      <Reference model={model} report={report} query={query} />
      <Scales />
    </>
  );
}

/** Sentences about what limits the tests of this report. */
function Notes({ report }: { report: Report }): JSX.Element | null {
  if (report.notes.length === 0) return null;
  return (
    <div class="notice">
      {report.notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
    </div>
  );
}

/** What is logged but not in the baseline, so that no test watches it. */
function Unwatched({ model, report }: { model: Model; report: Report }): JSX.Element | null {
  const found = report.unwatched ?? [];
  if (found.length === 0) return null;
  return (
    <div class="notice">
      <p>
        No test watches {found.length === 1 ? "this name" : "these names"}, because the baseline lacks {found.length === 1 ? "it" : "them"}. Create a <a href={to("models", model.id, "baseline")}>new baseline</a> to watch
        {found.length === 1 ? " it" : " them"}.
      </p>
      <ul>
        {found.map((one) => (
          <li key={`${one.role}:${one.name}`}>
            <b>{one.name}</b>
            {one.role === "prediction" && " (model output)"}: in {share(one.share)} of the rows
            {one.renamed_from && `; perhaps ${one.renamed_from} under a new name`}
          </li>
        ))}
      </ul>
      {report.unwatched_more ? <p>{plural(report.unwatched_more, "more value")} came under further names.</p> : null}
    </div>
  );
}

const ABOUT: Partial<Record<State, AlertType[]>> = { drift: ["data_drift", "prediction_drift"], data_quality: ["data_quality"], no_data: ["no_data"] };

/** Explains why no alert is open while drift continues: a resolved alert blocks the next one for the reminder interval. */
function Held({ model }: { model: Model }): JSX.Element | null {
  useTick();
  const kinds = model.open_alerts === 0 ? ABOUT[model.state] : undefined;
  const resolved = useResource<Alert[]>(kinds ? `${at`/drift/models/${model.id}/alerts`}?status=resolved&limit=50` : null);
  const end = (alert: Alert): number => Date.parse(alert.resolved_at ?? "") + model.settings.renotify_hours * HOUR;
  const [last] = (resolved.data ?? [])
    .filter((alert) => kinds?.includes(alert.alert_type) && end(alert) > Date.now())
    .filter((alert) => alert.alert_type === "no_data" || alert.baseline_version === model.baseline_version)
    .sort((a, b) => end(b) - end(a));
  const detail = useResource<AlertDetail>(last ? at`/drift/alerts/${last.id}` : null, { refresh: false });
  // An alert that was already below its limit does not block the next one.
  const turns = detail.data?.timeline.filter(({ event }) => event === "below" || event === "returned");
  if (!last?.resolved_at || !turns || turns.at(-1)?.event === "below") return null;
  return (
    <p class="notice">
      No alert is open: <a href={to("alerts", last.id)}>{ALERT_TYPES[last.alert_type]}</a> was resolved by hand {ago(last.resolved_at)}. If the cause continues, a new alert opens after{" "}
      <Time at={new Date(end(last)).toISOString()} />.
    </p>
  );
}

type Order = "score" | "name" | "p" | "psi" | "missing";
const rise = (feature: Feature): number => (feature.missing ? feature.missing.window - feature.missing.baseline : 0);
const COMPARE: Record<Order, (a: Feature, b: Feature) => number> = {
  score: (a, b) => Number(b.drifted) - Number(a.drifted) || (b.drift_score ?? -1) - (a.drift_score ?? -1),
  name: (a, b) => a.name.localeCompare(b.name),
  p: (a, b) => (a.p_value ?? 2) - (b.p_value ?? 2),
  psi: (a, b) => (b.psi ?? -1) - (a.psi ?? -1),
  missing: (a, b) => rise(b) - rise(a),
};

function Features({ features, query, span, history, alerts }: { features: Feature[]; query: URLSearchParams; span: Span; history: History; alerts: Alert[] }): JSX.Element {
  const paper = useStore(asDocument);
  const by = (query.get("sort") ?? "score") as Order;
  const turned = query.get("order") === "turned";
  const search = query.get("q") ?? "";
  const only = query.get("only") === "drifted";
  const opened = query.get("feature");
  const [most, setMost] = useState(AT_ONCE);
  const shown = useMemo(() => {
    const word = search.toLowerCase();
    const found = features.filter((feature) => (!only || feature.drifted) && feature.name.toLowerCase().includes(word));
    found.sort((a, b) => (COMPARE[by] ?? COMPARE.score)(a, b) || a.name.localeCompare(b.name));
    return turned ? found.reverse() : found;
  }, [features, search, only, by, turned]);
  const scale = Math.max(0.1, ...features.map((feature) => feature.drift_score ?? 0));
  const head = {
    by,
    turned,
    onSort: (name: string): void => setQuery({ sort: name === "score" ? null : name, order: by === name && !turned ? "turned" : null }),
  };
  const place = opened ? shown.findIndex((feature) => key(feature) === opened) : -1;
  const listed = paper ? shown : shown.slice(0, Math.max(most, place + 1));
  // A document opens the drifted features, so that it holds their numbers.
  const opens = new Set(paper ? listed.filter((feature) => feature.drifted).slice(0, OPEN) : []);
  return (
    <section>
      <div class="head">
        <h2>Features</h2>
        <div class="filters inline">
          {features.length > 8 && (
            <input type="search" placeholder="Search features" aria-label="Search features" value={search} onInput={(event) => setQuery({ q: event.currentTarget.value })} />
          )}
          <div class="chips" role="group" aria-label="Which features">
            <button type="button" aria-pressed={!only} onClick={() => setQuery({ only: null })}>
              All <b>{count(features.length)}</b>
            </button>
            <button type="button" aria-pressed={only} onClick={() => setQuery({ only: "drifted" })}>
              Drifted <b>{count(features.filter((feature) => feature.drifted).length)}</b>
            </button>
          </div>
        </div>
      </div>
      {paper && shown.length < features.length && (
        <p class="muted">
          {count(shown.length)} of {plural(features.length, "feature")} are listed, because the page was filtered.
        </p>
      )}
      {shown.length === 0 ? (
        <p class="muted">{only && !search ? "No features have drifted." : "No features match."}</p>
      ) : (
        <div class="sheet">
          <table>
            <thead>
              <tr>
                <Sorted {...head} name="name">
                  Feature
                </Sorted>
                <th scope="col" class="wide">
                  <span class="hidden">Histogram</span>
                </th>
                <Sorted {...head} name="score" falls class="number">
                  Score
                </Sorted>
                <th scope="col" class="wide against">
                  <span class="hidden">Score against limit</span>
                </th>
                <th scope="col" class="number wide">
                  Limit
                </th>
                <Sorted {...head} name="p" class="number">
                  p
                </Sorted>
                <Sorted {...head} name="psi" falls class="number wide">
                  PSI
                </Sorted>
                <Sorted {...head} name="missing" falls class="number wide">
                  Missing
                </Sorted>
              </tr>
            </thead>
            <tbody>
              {listed.map((feature) => {
                const open = key(feature) === opened || opens.has(feature);
                return (
                  <Fragment key={`${feature.role}:${feature.name}`}>
                    <tr class={open ? "open" : ""}>
                      <th scope="row">
                        <button type="button" class="link cover" aria-expanded={open} onClick={() => setQuery({ feature: open ? null : key(feature) })}>
                          <Name of={feature.name} />
                        </button>
                        <span class="labels">
                          <span>{feature.role === "prediction" ? "model output" : feature.type}</span>
                          {feature.data_quality
                            ?.filter((finding) => finding.fired)
                            .map((finding) => (
                              <span key={finding.kind} class="warn">
                                {share(finding.window)} {KINDS[finding.kind]}
                                {finding.kind === "wrong_type" && feature.type_change && `: ${typeChange(feature)}`}
                              </span>
                            ))}
                        </span>
                      </th>
                      <td class="wide">
                        <Miniature histogram={feature.histogram} />
                      </td>
                      <td class={`number ${feature.drifted ? "bad strong" : ""}`}>
                        {feature.status === "insufficient_data" ? <span class="muted">too few</span> : score(feature.drift_score)}
                        <small class="narrow">limit {limit(feature)}</small>
                      </td>
                      <td class="wide against">
                        <ScoreBar value={feature.drift_score} limit={feature.threshold} scale={scale} />
                      </td>
                      <td class="number wide muted">{limit(feature)}</td>
                      <td class="number">{pValue(feature.p_value)}</td>
                      <td class="number wide">{feature.psi === null || feature.psi === undefined ? "–" : feature.psi.toFixed(3)}</td>
                      <td class="number wide" title={feature.missing ? `${share(feature.missing.baseline)} in the baseline` : ""}>
                        {feature.missing ? share(feature.missing.window) : "–"}
                      </td>
                    </tr>
                    {open && (
                      <tr class="detail">
                        <td colSpan={8}>
                          <FeaturePanel
                            feature={feature}
                            history={history}
                            span={span}
                            alerts={alerts.filter((alert) => alert.features.some((entry) => entry.name === feature.name && entry.role === feature.role && entry.drifted))}
                          />
                        </td>
                      </tr>
                    )}
                  </Fragment>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {shown.length > listed.length && (
        <button type="button" class="more" onClick={() => setMost(listed.length + 4 * AT_ONCE)}>
          Show more ({count(shown.length - listed.length)})
        </button>
      )}
    </section>
  );
}
