import { Fragment } from "preact";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { at, call, forget } from "../api";
import { asDocument } from "../document";
import { MetricChart } from "../charts/metric";
import { Miniature } from "../charts/miniature";
import { ScoreBar } from "../charts/scores";
import { count, duration, moment, pValue, plural, points, score, share } from "../format";
import { useAction, useAdmin, useResource, useTitle } from "../hooks";
import { amount, drop, metric, reach } from "../metrics";
import { setQuery, to } from "../router";
import { useStore } from "../store";
import type { AlertDetail, Channel, Feature, Model, Performance, Report } from "../types";
import { Dialog, Empty, Facts, Field, Loaded, Name, Period, Problem, SaveAs, Scales, SeverityMark, Tag, Time } from "../ui";
import type { Fact } from "../ui";
import { ALERT_TITLES, CHANNELS, EVENTS, KINDS, OUTCOMES, PAST, limit, typeChange } from "../words";
import { AlertStatusTag, size } from "./alerts";
import { FeaturePanel, useHistory } from "./feature";

const DAY = 86_400_000;
/** Features listed at first, and opened in a document. */
const AT_ONCE = 12;

export function AlertPage({ id, query }: { id: string; query: URLSearchParams }): JSX.Element {
  const path = at`/drift/alerts/${id}`;
  const alert = useResource<AlertDetail>(path);
  useTitle(alert.data ? `${ALERT_TITLES[alert.data.alert_type]} ${alert.data.model_name}` : "Alert");
  if (alert.error?.status === 404 && !alert.data)
    return (
      <Empty title="Alert not found">
        <p>
          The alert may belong to another organization, or its model was deleted. <a href={to("alerts")}>All alerts</a>
        </p>
      </Empty>
    );
  return (
    <Loaded of={alert} what="the alert" rows={8}>
      {(found) => <Detail alert={found} query={query} changed={alert.reload} />}
    </Loaded>
  );
}

function Detail({ alert, query, changed }: { alert: AlertDetail; query: URLSearchParams; changed: () => void }): JSX.Element {
  const moved = alert.features.filter((feature) => feature.drifted);
  const opened = query.get("feature");
  // An alert stores histograms of its strongest features only. The last report has all of them.
  const report = useResource<Report>(alert.status === "resolved" || alert.features.length === 0 ? null : at`/drift/models/${alert.model_id}/report`, { refresh: false });
  const shown = opened === "-" ? undefined : (moved.find((feature) => feature.name === opened) ?? moved[0]);
  const period = span(alert);
  const history = useHistory(moved.length > 0 ? alert.model_id : null, period);
  const panel = (feature: Feature): JSX.Element => {
    const reported = report.data?.features.find(({ name, role }) => name === feature.name && role === feature.role);
    const whole = { ...reported, ...(feature.kind ? TESTED : {}), ...present(feature) };
    return <FeaturePanel key={feature.name} feature={whole} history={history} alerts={[alert]} span={period} limit={feature.kind ? (reported?.threshold ?? null) : (feature.threshold ?? null)} />;
  };
  const worse = alert.performance?.metrics[0];
  const quality = alert.alert_type === "data_quality";
  const decided = alert.limit?.score ?? null;
  const looks = alert.performance || alert.alert_type === "labels_missing" ? "join of labels" : "check";
  return (
    <>
      <p class="crumbs">
        <a href={to("alerts")}>Alerts</a> <span aria-hidden="true">/</span> <a href={to("models", alert.model_id)}>{alert.model_name}</a>
        <SaveAs />
      </p>
      <div class="head">
        <div>
          <h1 tabIndex={-1}>
            {ALERT_TITLES[alert.alert_type]} <Name of={alert.model_name} />
          </h1>
          <p class="tags">
            <SeverityMark severity={alert.severity} />
            <AlertStatusTag alert={alert} />
            {alert.status === "snoozed" && alert.snoozed_until && (
              <span class="muted">
                until <Time at={alert.snoozed_until} />
              </span>
            )}
          </p>
        </div>
        <Actions alert={alert} changed={changed} />
      </div>
      <p class="lead">
        <Headline alert={alert} moved={moved} />
      </p>
      <Facts
        items={[
          ...(alert.onset ? ([onsetFact(alert, alert.onset)] as Fact[]) : []),
          ["Opened", <Time at={alert.detected_at} />, alert.resolved_at ? `for ${duration(Date.parse(alert.resolved_at) - Date.parse(alert.detected_at))}` : `${duration(Date.now() - Date.parse(alert.detected_at))} so far`],
          [alert.resolved_at ? "Resolved" : "Last seen", <Time at={alert.resolved_at ?? alert.last_detected_at} />, `seen in ${plural(alert.occurrences, looks, looks.replace(/^\w+/, "$&s"))}`],
          ...(alert.drift_score === null ? [] : ([[quality ? "Rise" : worse ? (worse.name === "mae" ? "Change of the errors" : "Drop") : "Drift score", size(alert, alert.drift_score), `highest ${size(alert, alert.peak_score)}${decided === null ? "" : `, limit ${size(alert, decided)}`}`], ["p-value", pValue(alert.p_value), alert.limit?.p_value ? `limit ${pValue(alert.limit.p_value)}` : undefined]] as Fact[])),
          ["Window", alert.n_window === null ? "–" : plural(alert.n_window, worse ? "labelled row" : alert.alert_type === "labels_missing" ? "row without a label" : "row", alert.alert_type === "labels_missing" ? "rows without a label" : undefined), alert.window ? <Period {...alert.window} /> : undefined],
          [worse ? "Reference" : "Baseline", alert.baseline_version === null ? "–" : <a href={to("models", alert.model_id, "baseline")}>version {alert.baseline_version}</a>, alert.n_baseline === null ? undefined : plural(alert.n_baseline, "row")],
        ]}
      />
      <div class="columns">
        <div>
          {moved.length > 0 && (
            <section>
              <h2>What changed</h2>
              <Moved features={moved} alert={alert} opened={shown} panel={panel} />
            </section>
          )}
          {alert.performance && <Worse change={alert.performance} />}
          {(alert.performance || alert.alert_type === "labels_missing") && <ByDay alert={alert} name={worse?.name} />}
          {alert.drift_score !== null && <Scales />}
        </div>
        <aside>
          {alert.recommended_actions.length > 0 && (
            <section>
              <h2>What to do</h2>
              <ol class="todo">
                {alert.recommended_actions.map((action) => (
                  <li key={action}>{action}</li>
                ))}
              </ol>
            </section>
          )}
          <section>
            <h2>Timeline</h2>
            <ol class="timeline">
              {[...alert.timeline].reverse().map((entry, index) => (
                <li key={index} class={entry.event}>
                  <span>{EVENTS[entry.event] ?? entry.event}</span> <Time at={entry.at} />
                  {entry.actor && entry.actor !== "schedule" && <small class="muted"> by {entry.actor}</small>}
                  {entry.note && <p>{severities(entry.note)}</p>}
                </li>
              ))}
            </ol>
            {alert.timeline_left_out > 0 && <p class="muted">{plural(alert.timeline_left_out, "entry", "entries")} in the middle were removed, because the timeline is long.</p>}
          </section>
          <Deliveries alert={alert} />
        </aside>
      </div>
    </>
  );
}

/** A note with severities in lower case. The alert's own notes spell them as the API does. */
const severities = (note: string): string => (/^(LOW|MEDIUM|HIGH)( (to|→) (LOW|MEDIUM|HIGH))?$/.test(note) ? note.charAt(0) + note.slice(1).toLowerCase() : note);

/** What happened at the onset. A whole window only tells since when it is above its limit. */
function onsetFact(alert: AlertDetail, onset: string): Fact {
  if (alert.alert_type === "labels_missing") return ["No labels since", <Time at={onset} />];
  return alert.features.some((one) => one.change?.onset === onset)
    ? ["Changed since", <Time at={onset} />, "the first hours that differ"]
    : ["Above the limit since", <Time at={onset} />, "the values may have changed days before"];
}

/** The period to draw: it starts before the alert opened and ends after it closed. */
function span(alert: AlertDetail): { from: number; until: number } {
  const opened = Math.min(Date.parse(alert.detected_at), Date.parse(alert.onset ?? alert.detected_at));
  const until = alert.resolved_at ? Math.min(Date.now(), Date.parse(alert.resolved_at) + DAY) : Date.now();
  return { from: opened - Math.max(2 * DAY, (until - opened) / 3), until };
}

/** The feature without its empty fields, so that they do not override the report's fields. */
function present(feature: Feature): Feature {
  return Object.fromEntries(Object.entries(feature).filter(([, value]) => value !== null && value !== undefined)) as unknown as Feature;
}

/** Fields of the report's drift test, which say nothing about a data-quality finding. */
const TESTED = { threshold: null, p_threshold: null, status: undefined };

/** What moved and by how much, in one sentence. */
function Headline({ alert, moved }: { alert: AlertDetail; moved: Feature[] }): JSX.Element {
  const [first] = moved;
  const [worst] = alert.performance?.metrics ?? [];
  if (alert.performance && worst)
    return (
      <>
        <b>{metric(worst.name).label}</b> went from {amount(worst.name, worst.reference)} to <b>{amount(worst.name, worst.value)}</b>, on {count(alert.performance.labelled)} labelled of {plural(alert.performance.predictions, "prediction")} in {plural(alert.performance.days, "mature day")}.
      </>
    );
  if (alert.alert_type === "labels_missing")
    return (
      <>
        No labels have arrived since <Time at={alert.onset ?? alert.detected_at} />, and predictions are waiting for them.
      </>
    );
  if (alert.alert_type === "no_data" || !first)
    return (
      <>
        No predictions have been logged since <Time at={alert.window?.end ?? alert.detected_at} />. This model had traffic before.
      </>
    );
  const others = new Set(moved.map((feature) => feature.name)).size - 1;
  if (first.kind === "unexpected_feature")
    return (
      <>
        <b>{first.name}</b> is logged but not in the baseline
        {first.renamed_from && `. It may be ${first.renamed_from} under a new name`}.{others > 0 && ` ${plural(others, "more name")} are new.`}
      </>
    );
  if (first.kind && first.shares)
    return (
      <>
        <b>{first.name}</b>: {KINDS[first.kind]}
        {first.new_categories && first.new_categories.length > 0 && ` (${first.new_categories.map((name) => `“${name}”`).join(", ")})`} went from {share(first.shares.baseline)} to <b>{share(first.shares.window)}</b>
        {first.type_change && ` (${typeChange(first)})`}.{others > 0 && ` ${plural(others, "more feature")} changed.`}
      </>
    );
  if (first.change)
    return (
      <>
        <b>{first.role === "prediction" ? "The prediction" : first.name}</b> {changed(first)}
        {others > 0 && ` ${plural(others, "more feature")} changed.`}
      </>
    );
  return (
    <>
      <b>{first.role === "prediction" ? "The prediction" : first.name}</b> has drifted{first.direction && ` ${first.direction}`}: the score is <b>{score(first.drift_score)}</b>
      {first.threshold ? `, the limit ${first.threshold.toFixed(3)}` : ""}.{others > 0 && ` ${plural(others, "more feature")} drifted.`}
    </>
  );
}

/** Each judged metric in the reference and now, with the interval of today. */
function Worse({ change }: { change: NonNullable<AlertDetail["performance"]> }): JSX.Element {
  return (
    <section>
      <h2>Metrics</h2>
      <div class="sheet">
        <table>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col" class="number">Reference</th>
              <th scope="col" class="number">Now</th>
              <th scope="col" class="number wide">95% interval</th>
              <th scope="col" class="number wide">Change</th>
              <th scope="col" class="number wide">Limit</th>
            </tr>
          </thead>
          <tbody>
            {change.metrics.map((one) => (
              <tr key={one.name}>
                <th scope="row">{metric(one.name).label}</th>
                <td class="number">{amount(one.name, one.reference)}</td>
                <td class={`number ${one.degraded ? "bad strong" : ""}`}>
                  {amount(one.name, one.value)}
                  <small class="narrow">
                    change {drop(one.name, one.drop)}
                    <br />
                    limit {drop(one.name, one.limit)}
                  </small>
                </td>
                <td class="number wide">{reach(one.name, one.interval) ?? "–"}</td>
                <td class="number wide">{drop(one.name, one.drop)}</td>
                <td class="number wide">{drop(one.name, one.limit)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {change.metrics.some(({ name }) => name === "mae") && <p class="muted note">KS is the distance by which the sizes of the errors have grown, from 0 to 1.</p>}
    </section>
  );
}

/** The metric by day, from the model's last report. */
function ByDay({ alert, name }: { alert: AlertDetail; name?: string | undefined }): JSX.Element | null {
  const asked = name ? `&metric=${encodeURIComponent(name)}` : "";
  const { data } = useResource<Performance>(`${at`/models/${alert.model_id}/performance`}?days=30${asked}`, { refresh: false });
  const model = useResource<Model>(at`/models/${alert.model_id}`, { refresh: false });
  if (!data || data.days.length === 0 || !model.data) return null;
  const reference = data.window.metrics[data.metric]?.reference ?? data.reference?.metrics[data.metric] ?? null;
  return (
    <section class="byday">
      <h2>{metric(data.metric).label} by day, until today</h2>
      <MetricChart name={data.metric} days={data.days} reference={reference} window={data.window} ratio={model.data.settings.label_ratio} />
      <p>
        <a href={to("models", alert.model_id, "performance", { metric: data.metric === data.headline ? null : data.metric })}>Open the Performance tab</a>
      </p>
    </section>
  );
}

/** How a change was found that another part than the week found. */
function changed({ change, drift_score }: Feature): string {
  if (!change) return "";
  switch (change.part) {
    case "sudden":
      return `changed suddenly${change.onset ? `, around ${moment(change.onset)}` : ""}. In the last ${change.window_hours} hours it differs by ${score(drift_score)} from ${PAST[change.reference ?? "same weekday"]} at the same hours.`;
    case "first_week":
      return `differs from the baseline by ${score(drift_score)}, more than daily and weekly cycles explain.`;
    default:
      return `is broken: ${share(drift_score ?? 0)} of its values are unlike those of any hours of the baseline.`;
  }
}

function Moved({ features, alert, opened, panel }: { features: Feature[]; alert: AlertDetail; opened: Feature | undefined; panel: (feature: Feature) => JSX.Element }): JSX.Element {
  const paper = useStore(asDocument);
  const [all, setAll] = useState(false);
  const shown = all || paper ? features : features.slice(0, AT_ONCE);
  const isOpen = (feature: Feature, index: number): boolean => (paper ? index < AT_ONCE : opened === feature);
  const quality = alert.alert_type === "data_quality";
  const scale = Math.max(0.1, ...features.map((feature) => feature.drift_score ?? 0));
  return (
    <>
      <div class="sheet">
        <table>
          <thead>
            <tr>
              <th scope="col">Feature</th>
              <th scope="col" class="wide">
                <span class="hidden">Histogram</span>
              </th>
              {quality ? (
                <>
                  <th scope="col" class="number">Baseline</th>
                  <th scope="col" class="number">Window</th>
                  <th scope="col" class="number wide">Change</th>
                  <th scope="col" class="number wide">Limit</th>
                </>
              ) : (
                <>
                  <th scope="col" class="number">Score</th>
                  <th scope="col" class="wide against">
                    <span class="hidden">Score against limit</span>
                  </th>
                  <th scope="col" class="number wide">Limit</th>
                </>
              )}
              <th scope="col" class="number">p</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((feature, index) => (
              <Fragment key={index}>
              <tr class={isOpen(feature, index) ? "open" : ""}>
                <th scope="row">
                  <button type="button" class="link cover" aria-expanded={isOpen(feature, index)} onClick={() => setQuery({ feature: opened === feature ? "-" : feature.name })}>
                    <Name of={feature.name} />
                  </button>
                  <span class="labels">
                    <span>
                      {feature.kind ? KINDS[feature.kind] : feature.role === "prediction" ? "prediction" : (feature.type ?? "")}
                      {feature.new_categories && feature.new_categories.length > 0 && `${feature.kind ? "" : ", new"}: ${feature.new_categories.join(", ")}`}
                    </span>
                  </span>
                </th>
                <td class="wide">
                  <Miniature histogram={feature.histogram} />
                </td>
                {quality ? (
                  <>
                    <td class="number">{feature.shares ? share(feature.shares.baseline) : "–"}</td>
                    <td class="number strong">
                      {feature.shares ? share(feature.shares.window) : score(feature.drift_score)}
                      {feature.threshold !== null && feature.threshold !== undefined && <small class="narrow">limit {points(feature.threshold)}</small>}
                    </td>
                    <td class="number wide">{feature.shares ? points(feature.shares.window - feature.shares.baseline) : "–"}</td>
                    <td class="number wide muted">{feature.threshold === null || feature.threshold === undefined ? "–" : points(feature.threshold)}</td>
                  </>
                ) : (
                  <>
                    <td class="number strong">
                      {score(feature.drift_score)}
                      <small class="narrow">limit {limit(feature)}</small>
                    </td>
                    <td class="wide against">
                      <ScoreBar value={feature.drift_score} limit={feature.threshold} scale={scale} />
                    </td>
                    <td class="number wide">{limit(feature)}</td>
                  </>
                )}
                <td class="number">{pValue(feature.p_value)}</td>
              </tr>
              {isOpen(feature, index) && (
                <tr class="detail">
                  <td colSpan={7}>{panel(feature)}</td>
                </tr>
              )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
      {features.length > shown.length && (
        <button type="button" class="small" onClick={() => setAll(true)}>
          Show all {count(features.length)}
        </button>
      )}
      {alert.features_left_out > 0 && (
        <p class="muted">The alert does not list {plural(alert.features_left_out, "more feature")}, because their names are very long. The model's page shows every feature.</p>
      )}
    </>
  );
}

function Deliveries({ alert }: { alert: AlertDetail }): JSX.Element {
  const channels = useResource<Channel[]>("/alert-channels?limit=500", { refresh: false });
  const name = (id: string): string | undefined => channels.data?.find((channel) => channel.id === id)?.name;
  return (
    <section>
      <h2>Messages</h2>
      {alert.deliveries.length === 0 ? (
        <p class="muted">No messages were sent about this alert. Each channel receives the severities and models chosen in its settings.</p>
      ) : (
        <ul class="deliveries">
          {alert.deliveries.map((delivery, index) => {
            const { label, tone } = OUTCOMES[delivery.outcome] ?? { label: delivery.outcome, tone: "quiet" };
            return (
              <li key={index}>
                <Tag tone={tone}>{label}</Tag>
                <span>
                  <b>{name(delivery.channel_id) ?? CHANNELS[delivery.type as keyof typeof CHANNELS] ?? delivery.type}</b>
                  <small class="muted">
                    {EVENTS[delivery.event] ?? delivery.event}, <Time at={delivery.at} />
                    {delivery.attempt > 1 && `, attempt ${delivery.attempt}`}
                  </small>
                  {delivery.detail && delivery.outcome !== "delivered" && (
                    <small class="detail" title={delivery.detail}>
                      {delivery.detail}
                    </small>
                  )}
                </span>
              </li>
            );
          })}
        </ul>
      )}
      {alert.deliveries_left_out > 0 && <p class="muted">{plural(alert.deliveries_left_out, "older message")} not listed here.</p>}
    </section>
  );
}

// ---------------------------------------------------------------------------------------------------------------
// Actions

type Doing = "acknowledge" | "snooze" | "resolve";
const TITLES: Record<Doing, string> = { acknowledge: "Acknowledge", snooze: "Snooze", resolve: "Resolve" };

function Actions({ alert, changed }: { alert: AlertDetail; changed: () => void }): JSX.Element | null {
  const admin = useAdmin();
  const [doing, setDoing] = useState<Doing | null>(null);
  if (!admin || alert.status === "resolved") return null;
  return (
    <div class="actions">
      <button type="button" onClick={() => setDoing("resolve")}>
        Resolve
      </button>
      <button type="button" onClick={() => setDoing("snooze")}>
        Snooze
      </button>
      {alert.status !== "acknowledged" && (
        <button type="button" class="primary" onClick={() => setDoing("acknowledge")}>
          Acknowledge
        </button>
      )}
      {doing && <ActionDialog doing={doing} alert={alert} onClose={() => setDoing(null)} changed={changed} />}
    </div>
  );
}

const HOURS: [number, string][] = [
  [4, "4 hours"],
  [24, "1 day"],
  [72, "3 days"],
  [168, "1 week"],
];

function ActionDialog({ doing, alert, onClose, changed }: { doing: Doing; alert: AlertDetail; onClose: () => void; changed: () => void }): JSX.Element {
  const [note, setNote] = useState("");
  const [hours, setHours] = useState(24);
  const { run, busy, error } = useAction(async () => {
    const body: Record<string, string> = {};
    if (note.trim()) body.note = note.trim();
    if (doing === "snooze") body.until = new Date(Date.now() + hours * 3_600_000).toISOString();
    await call("POST", at`/drift/alerts/${alert.id}/${doing}`, { body });
    forget("/drift/alerts");
    forget("/models");
    onClose();
    changed();
  });
  const about = {
    acknowledge: "Stops reminders. The alert stays open until the drift ends.",
    snooze: "Pauses reminders. They resume when the snooze ends.",
    resolve: "Closes the alert. If the drift continues, a new alert opens after the model's reminder interval.",
  }[doing];
  return (
    <Dialog title={`${TITLES[doing]} this alert`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <p class="muted">{about}</p>
        {doing === "snooze" && (
          <fieldset class="chips">
            <legend>For</legend>
            {HOURS.map(([value, label]) => (
              <button key={value} type="button" aria-pressed={hours === value} onClick={() => setHours(value)}>
                {label}
              </button>
            ))}
          </fieldset>
        )}
        <Field label="Note" hint="Your team sees the note in the timeline.">
          {(id, described) => <textarea id={id} aria-describedby={described} rows={3} maxLength={2000} value={note} onInput={(event) => setNote(event.currentTarget.value)} />}
        </Field>
        {error && <Problem error={error} what={error.status === 409 ? "The alert was changed by somebody else." : "The action failed."} />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {TITLES[doing]}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
