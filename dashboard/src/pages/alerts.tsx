import type { JSX } from "preact";
import { duration, plural, score } from "../format";
import { metric as metricOf } from "../metrics";
import { useList, useResource, useTitle } from "../hooks";
import { at } from "../api";
import { setQuery, to } from "../router";
import type { Alert, AlertStatus, Model } from "../types";
import { Empty, Loading, Name, Problem, SeverityMark, Tag, Time } from "../ui";
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
      {alerts.items && alerts.items.length > 0 && (
        <>
          <div class="sheet">
            <table>
              <thead>
                <tr>
                  <th scope="col">
                    <span class="hidden">Severity</span>
                    <span class="wide" aria-hidden="true">
                      Severity
                    </span>
                  </th>
                  <th scope="col">Alert</th>
                  <th scope="col" class="number">Score</th>
                  <th scope="col" class="wide">Since</th>
                  <th scope="col" class="wide">Duration</th>
                  <th scope="col" class="wide">Status</th>
                </tr>
              </thead>
              <tbody>
                {alerts.items.map((alert) => (
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
              {plural(alerts.items.length, "alert")}
              {alerts.more ? " shown" : ""}
            </span>
          </p>
        </>
      )}
    </>
  );
}

function AlertRow({ alert }: { alert: Alert }): JSX.Element {
  const until = alert.resolved_at ? Date.parse(alert.resolved_at) : Date.now();
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
      <td class="number">{score(alert.peak_score ?? alert.drift_score)}</td>
      <td class="wide">
        <Time at={alert.detected_at} />
      </td>
      <td class="wide">{duration(until - Date.parse(alert.detected_at))}</td>
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
