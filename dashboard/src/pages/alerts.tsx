import type { JSX } from "preact";
import { duration, plural, points, score } from "../format";
import { drop, metric as metricOf } from "../metrics";
import { useList, useResource, useTitle } from "../hooks";
import { at } from "../api";
import { setQuery, to } from "../router";
import type { Alert, AlertStatus, Model, Severity } from "../types";
import { Empty, Loading, Name, Problem, SeverityMark, Sorted, Tag, Time } from "../ui";
import { ALERT_STATUSES, ALERT_TYPES } from "../words";

const TONES: Record<AlertStatus, string> = { firing: "bad", acknowledged: "warn", snoozed: "quiet", resolved: "good" };
const FILTERS = ["status", "severity", "alert_type", "days"] as const;
const PAGE = 50;

export function AlertStatusTag({ alert }: { alert: Alert }): JSX.Element {
  return <Tag tone={TONES[alert.status]}>{ALERT_STATUSES[alert.status]}</Tag>;
}

/** The drifted features of an alert in a few words. */
export function gist(alert: Alert): string {
  const names = [...new Set(alert.features.filter((feature) => feature.drifted).map((feature) => feature.name))];
  if (alert.alert_type === "no_data") return "traffic stopped";
  if (alert.alert_type === "labels_missing") return "labels stopped";
  if (alert.performance) return alert.performance.metrics.filter((metric) => metric.degraded).map((metric) => metricOf(metric.name).label).join(", ");
  if (names.length === 0) return "";
  const [first = "", second] = names;
  return names.length === 1 ? first : names.length === 2 ? `${first}, ${second}` : `${first} and ${names.length - 1} more`;
}

/** A score or a limit of an alert in the unit of its type: a drift score, a rise of a share, or a drop of a metric. */
export function size(alert: Alert, value: number | null | undefined): string {
  const [worst] = alert.performance?.metrics ?? [];
  if (worst) return drop(worst.name, value);
  return alert.alert_type === "data_quality" && typeof value === "number" ? points(value) : score(value);
}

type Order = "opened" | "severity" | "score" | "duration" | "status";

const RANKS: Record<Severity, number> = { LOW: 0, MEDIUM: 1, HIGH: 2 };
const STATUSES = Object.keys(ALERT_STATUSES);
const lasted = (alert: Alert): number => (alert.resolved_at ? Date.parse(alert.resolved_at) : Date.now()) - Date.parse(alert.detected_at);
const peak = (alert: Alert): number => alert.peak_score ?? alert.drift_score ?? -1;

const COMPARE: Record<Order, (a: Alert, b: Alert) => number> = {
  opened: (a, b) => b.detected_at.localeCompare(a.detected_at),
  severity: (a, b) => RANKS[b.severity] - RANKS[a.severity],
  score: (a, b) => peak(b) - peak(a),
  duration: (a, b) => lasted(b) - lasted(a),
  status: (a, b) => STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status),
};

export function AlertsPage({ query }: { query: URLSearchParams }): JSX.Element {
  useTitle("Alerts");
  const model = query.get("model");
  const known = useResource<Model>(model ? at`/models/${model}` : null, { refresh: false });
  const asked = new URLSearchParams({ limit: String(PAGE) });
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) asked.set(name, value);
  }
  const alerts = useList<Alert>(`${model ? at`/drift/models/${model}/alerts` : "/drift/alerts"}?${asked}`);
  const by = (query.get("sort") ?? "opened") as Order;
  const turned = query.get("order") === "turned";
  const sort = (name: string): void => setQuery({ sort: name === "opened" ? null : name, order: by === name && !turned ? "turned" : null });
  const head = { by, turned, onSort: sort };
  // The newest alert comes first among equals.
  const sorted = alerts.items?.toSorted((a, b) => (COMPARE[by] ?? COMPARE.opened)(a, b) || COMPARE.opened(a, b));
  if (turned) sorted?.reverse();
  const filtered = FILTERS.some((name) => query.get(name)) || model !== null;
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Alerts</h1>
      </div>
      <div class="filters" role="group" aria-label="Filters">
        <Choice name="status" query={query} label="Status" all="Any status" options={Object.entries(ALERT_STATUSES)} />
        <Choice name="severity" query={query} label="Severity" all="Any severity" options={[["HIGH", "High"], ["MEDIUM", "Medium"], ["LOW", "Low"]]} />
        <Choice name="alert_type" query={query} label="Type" all="Any type" options={Object.entries(ALERT_TYPES)} />
        <Choice name="days" query={query} label="Time" all="Any time" options={[["1", "Last day and open"], ["7", "Last 7 days and open"], ["30", "Last 30 days and open"], ["90", "Last 90 days and open"]]} />
        {model && (
          <button type="button" class="chip" onClick={() => setQuery({ model: null })} aria-label="Show all models">
            {known.data?.name ?? "one model"} <span aria-hidden="true">✕</span>
          </button>
        )}
        {filtered && (
          <button type="button" class="plain" onClick={() => setQuery({ model: null, status: null, severity: null, alert_type: null, days: null })}>
            Clear
          </button>
        )}
      </div>
      {alerts.error && !alerts.items && <Problem error={alerts.error} what="Could not load the alerts." retry={alerts.reload} />}
      {!alerts.items && !alerts.error && <Loading rows={8} what="Loading the alerts" />}
      {alerts.items?.length === 0 && (
        <Empty title={filtered ? "No alerts match" : "No alerts yet"}>
          <p>{filtered ? "Change or clear the filters to see more alerts." : "When a model drifts, an alert appears here and is sent to your channels."}</p>
        </Empty>
      )}
      {sorted && sorted.length > 0 && (
        <>
          <div class="sheet">
            <table>
              <thead>
                <tr>
                  <Sorted {...head} name="severity" falls>
                    <span class="wide">Severity</span>
                    <abbr class="narrow" title="Severity">
                      Sev.
                    </abbr>
                  </Sorted>
                  <th scope="col">Alert</th>
                  <Sorted {...head} name="score" falls class="number">
                    <span title="The highest score so far">Highest</span>
                  </Sorted>
                  <th scope="col" class="number wide">
                    Limit
                  </th>
                  <Sorted {...head} name="opened" falls class="wide">
                    Opened
                  </Sorted>
                  <Sorted {...head} name="duration" falls class="wide">
                    Duration
                  </Sorted>
                  <Sorted {...head} name="status" class="wide">
                    Status
                  </Sorted>
                </tr>
              </thead>
              <tbody>
                {sorted.map((alert) => (
                  <AlertRow key={alert.id} alert={alert} />
                ))}
              </tbody>
            </table>
          </div>
          {alerts.error && <Problem error={alerts.error} what="Could not load more alerts." />}
          <p class="more">
            {alerts.more ? (
              <button type="button" onClick={alerts.more} disabled={alerts.busy}>
                {alerts.busy ? "Loading…" : "Older alerts"}
              </button>
            ) : null}{" "}
            <span class="muted" aria-live="polite">
              {plural(sorted.length, "alert")}
              {alerts.more && (by === "opened" && !turned ? " shown" : " shown and sorted. Load older alerts to sort them too.")}
            </span>
          </p>
        </>
      )}
    </>
  );
}

function AlertRow({ alert }: { alert: Alert }): JSX.Element {
  const limit = alert.limit?.score ?? null;
  return (
    <tr class={alert.status === "resolved" ? "past" : ""}>
      <td>
        <SeverityMark severity={alert.severity} />
      </td>
      <th scope="row">
        <a href={to("alerts", alert.id)} class="cover">
          <Name of={alert.model_name} />
        </a>
        <span class="labels">
          <span>
            {ALERT_TYPES[alert.alert_type]}
            {gist(alert) && `: ${gist(alert)}`}
          </span>
          <span class="narrow">
            <AlertStatusTag alert={alert} /> <Time at={alert.detected_at} relative />
          </span>
        </span>
      </th>
      <td class="number">
        {size(alert, alert.peak_score ?? alert.drift_score)}
        {limit !== null && <small class="narrow">limit {size(alert, limit)}</small>}
      </td>
      <td class="number wide">{size(alert, limit)}</td>
      <td class="wide">
        <Time at={alert.detected_at} />
      </td>
      <td class="wide">{duration(lasted(alert))}</td>
      <td class="wide">
        <AlertStatusTag alert={alert} />
      </td>
    </tr>
  );
}

function Choice({ name, query, label, all, options }: { name: string; query: URLSearchParams; label: string; all: string; options: [string, string][] }): JSX.Element {
  return (
    <select aria-label={label} value={query.get(name) ?? ""} onChange={(event) => setQuery({ [name]: event.currentTarget.value || null })}>
      <option value="">{all}</option>
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}
