import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { at } from "../api";
import { Calibration } from "../charts/calibration";
import { Confusion } from "../charts/confusion";
import { MetricChart } from "../charts/metric";
import { Errors, ScoresByLabel } from "../charts/sizes";
import { count, duration, pValue, plural, share, utcDay } from "../format";
import { useResource } from "../hooks";
import { amount, drop, metric, reach, verdict } from "../metrics";
import { setQuery, to } from "../router";
import type { LabelsState, MetricOfWindow, Model, Performance } from "../types";
import { Facts, Loading, Problem } from "../ui";
import { LabelSteps } from "./label-steps";

const HOUR = 3_600_000;
const PERIODS = [14, 30, 92];

/** How good the model's predictions are according to their labels. */
export function PerformancePart({ model, query }: { model: Model; query: URLSearchParams }): JSX.Element {
  const asked = query.get("metric");
  const days = PERIODS.find((period) => String(period) === query.get("days")) ?? 30;
  const path = at`/models/${model.id}/performance`;
  const name = asked ? `&metric=${encodeURIComponent(asked)}` : "";
  const task = model.settings.task;
  const report = useResource<Performance>(task ? `${path}?days=${days}${name}` : null);
  const labels = useResource<LabelsState>(task ? at`/models/${model.id}/labels/status` : null);
  const shown = useLast(report.data);
  if (!task) return <LabelSteps model={model} />;
  if (report.error?.status === 404 || (labels.data && labels.data.received === 0 && shown?.days.length === 0)) return <LabelSteps model={model} />;
  if (report.error?.status === 422 && asked)
    return (
      <div class="problem" role="alert">
        <p>
          <strong>This model has no metric {asked}.</strong>
        </p>
        <button type="button" class="small" onClick={() => setQuery({ metric: null })}>
          Show the main metric
        </button>
      </div>
    );
  const problem = report.error && <Problem error={report.error} retry={report.reload} what="Could not load the performance." />;
  if (!shown) return problem ?? <Loading rows={8} what="Loading the performance" />;
  return (
    <>
      {problem}
      {labels.error && <Problem error={labels.error} retry={labels.reload} what="Could not load the state of the labels." />}
      <Found model={model} report={shown} labels={labels.data} days={days} busy={report.data === undefined} />
    </>
  );
}

/** The last data that arrived, so that the page does not jump while another metric loads. */
function useLast<T>(data: T | undefined): T | undefined {
  const [last, setLast] = useState(data);
  useEffect(() => {
    if (data !== undefined) setLast(data);
  }, [data]);
  return data ?? last;
}

function Found({ model, report, labels, days, busy }: { model: Model; report: Performance; labels: LabelsState | undefined; days: number; busy: boolean }): JSX.Element {
  const { window, metric: name, task } = report;
  const own = window.metrics[name];
  const reference = own?.reference ?? report.reference?.metrics[name] ?? null;
  return (
    <>
      <p class="lead">
        <Sentence model={model} report={report} labels={labels} />
      </p>
      {labels && <Trouble labels={labels} model={model} />}
      <Facts
        items={[
          [metric(name).label, amount(name, own?.value), reach(name, own?.interval) ?? undefined],
          ["Reference", amount(name, reference), report.reference ? `${plural(report.reference.n, "label")}, from ${SOURCES[report.reference.source]}` : "none yet"],
          ["Judged", window.days ? plural(window.days, "mature day") : "no day yet", window.start && window.end ? `${utcDay(window.start)} to ${utcDay(new Date(Date.parse(window.end) - HOUR).toISOString())}, ${plural(window.n, "label")}` : undefined],
          ...delays(labels),
        ]}
      />
      <section>
        <div class="head">
          <h2 id="metric">{metric(name).label} by day</h2>
          <div class="filters inline">
            <select aria-label="Metric" value={name} disabled={report.names.length === 0} onChange={(event) => setQuery({ metric: event.currentTarget.value === report.headline ? null : event.currentTarget.value })}>
              {(report.names.includes(name) ? report.names : [name, ...report.names]).map((one) => (
                <option key={one} value={one}>
                  {metric(one).label}
                </option>
              ))}
            </select>
            <div class="chips" role="group" aria-label="Time shown">
              {PERIODS.map((value) => (
                <button key={value} type="button" aria-pressed={days === value} onClick={() => setQuery({ days: value === 30 ? null : String(value) })}>
                  {value} days
                </button>
              ))}
            </div>
          </div>
        </div>
        <p class="muted note">{metric(name).about}</p>
        <div class={busy ? "stale" : ""}>
          {report.days.length === 0 ? (
            <p class="muted">No prediction of the last {days} days has been joined yet.</p>
          ) : (
            <MetricChart name={name} days={report.days} reference={reference} window={window} ratio={model.settings.label_ratio} />
          )}
        </div>
      </section>
      {window.n > 0 && (
        <>
          <div class="pictures">
            {report.confusion && (
              <Picture title="Confusion matrix" wide={report.confusion.classes.length > 4}>
                <Confusion confusion={report.confusion} />
              </Picture>
            )}
            {report.scores && (
              <Picture title="Scores by label">
                <ScoresByLabel scores={report.scores} threshold={Number(task.threshold ?? 0.5)} />
              </Picture>
            )}
            {report.calibration && report.calibration.length > 0 && (
              <Picture title="Calibration">
                <Calibration tenths={report.calibration} />
              </Picture>
            )}
            {report.errors && (
              <Picture title="Errors" wide>
                <Errors errors={report.errors} />
              </Picture>
            )}
          </div>
          <AllMetrics report={report} />
        </>
      )}
      {labels && <Labels labels={labels} />}
    </>
  );
}

const SOURCES = { baseline: "the baseline", predictions: "logged predictions" } as const;

function Picture({ title, wide, children }: { title: string; wide?: boolean; children: ComponentChildren }): JSX.Element {
  return (
    <section class={wide ? "wider" : ""}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

const hours = (value: number): string => duration(value * HOUR);

function delays(labels: LabelsState | undefined): [string, ComponentChildren, string?][] {
  if (!labels) return [];
  const predictions = labels.coverage.reduce((sum, day) => sum + day.predictions, 0);
  const labelled = labels.coverage.reduce((sum, day) => sum + day.labelled, 0);
  const { p50, p90 } = labels.delay_hours;
  const found: [string, ComponentChildren, string?][] = [["Labelled", predictions ? share(labelled / predictions) : "–", `${count(labelled)} of ${plural(predictions, "prediction")}`]];
  if (p50 !== null && p50 !== undefined && p90 !== null && p90 !== undefined) found.push(["Delay of labels", hours(p50), `median; 90% within ${hours(p90)}`]);
  return found;
}

/** Whether the model got worse, or why that is not known yet. */
function Sentence({ model, report, labels }: { model: Model; report: Performance; labels: LabelsState | undefined }): JSX.Element {
  const { window, headline } = report;
  if (window.days === 0 || window.n === 0) return <TooEarly model={model} report={report} labels={labels} />;
  const judged = Object.entries(window.metrics).filter(([, one]) => one.degraded !== null);
  const worse = judged.filter(([, one]) => one.degraded);
  const [name, own] = worse.find(([one]) => one === headline) ?? worse[0] ?? judged.find(([one]) => one === headline) ?? judged[0] ?? [headline, window.metrics[headline]];
  const size = `${plural(own?.n ?? window.n, "label")} of the last ${plural(window.days, "mature day")}`;
  const value = (
    <>
      {metric(name).label} is <b>{amount(name, own?.value)}</b>
    </>
  );
  if (worse.length > 0 && own)
    return (
      <>
        <b class="bad">The model got worse.</b> {value}, and the reference is {amount(name, own.reference)}. That is more than chance explains on {size}
        {worse.length > 1 && `. ${listed(worse.filter(([one]) => one !== name).map(([one]) => metric(one).label))} fell too`}.
      </>
    );
  if (judged.length > 0 && own)
    return (
      <>
        <b>No sign that the model got worse.</b> {value}, and the reference is {amount(name, own.reference)}
        {own.limit !== null && own.drop !== null && own.drop > 0 && name !== "mae" && `. The drop of ${drop(name, own.drop)} is within the limit of ${drop(name, own.limit)}`}. Judged on {size}.
      </>
    );
  if (report.reference)
    return (
      <>
        <b>Not known yet.</b> {value} on {size}. At least {plural(model.settings.min_labels, "label")} are needed to compare with the reference.
      </>
    );
  return (
    <>
      <b>Not known yet: there is no reference.</b> {value} on {size}. Send a <a href={to("models", model.id, "baseline")}>baseline</a> with labels, and the model is compared with it.
    </>
  );
}

/** Names as "A, B and C". */
const listed = (names: string[]): string => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : (names[0] ?? ""));

function TooEarly({ model, report, labels }: { model: Model; report: Performance; labels: LabelsState | undefined }): JSX.Element {
  const last = report.days.filter((day) => day.predictions > 0).at(-1);
  const matures = model.settings.maturity_hours === null ? "enough time has passed for late labels" : `${plural(model.settings.maturity_hours, "hour")} have passed`;
  if (!last || labels?.matched === 0)
    return (
      <>
        <b>Not known yet: no prediction has a label.</b> {labels && labels.received > 0 ? `${plural(labels.received, "label")} arrived, but none belongs to a logged prediction.` : "Send labels to compare predictions with the truth."}
      </>
    );
  return (
    <>
      <b>Not known yet: no day is mature.</b> A day is judged when {share(model.settings.label_ratio)} of its predictions have a label, or when {matures}. On {utcDay(last.day)}, {share(last.coverage)} of{" "}
      {plural(last.predictions, "prediction")} have one.
    </>
  );
}

/** Labels that did not find their prediction. */
function Trouble({ labels, model }: { labels: LabelsState; model: Model }): JSX.Element | null {
  const found: ComponentChildren[] = [];
  if (labels.unmatched > 0)
    found.push(
      <>
        {plural(labels.unmatched, "label")} belong to no prediction, or have a value that the task does not know. Check that labels use the ids of the predictions, and check the <a href={to("models", model.id, "settings")}>task</a>.
      </>,
    );
  if (labels.ambiguous > 0) found.push(<>{plural(labels.ambiguous, "id")} belong to several different predictions of one day and count nowhere. Make ids unique.</>);
  if (labels.waiting > Math.max(10, labels.matched / 10)) found.push(<>{plural(labels.waiting, "label")} wait for their prediction. Check that labels use the ids of the predictions.</>);
  if (found.length === 0) return null;
  return (
    <div class="notice">
      {found.map((sentence, index) => (
        <p key={index}>{sentence}</p>
      ))}
    </div>
  );
}

const VERDICTS = {
  worse: <b class="bad">worse</b>,
  same: "not worse",
  "too few": <span class="muted">too few labels</span>,
  "no reference": <span class="muted">not judged</span>,
};

function AllMetrics({ report }: { report: Performance }): JSX.Element {
  const { metrics } = report.window;
  const compared = report.reference !== null;
  const rows = report.names.filter((name) => metrics[name]);
  return (
    <section>
      <h2>All metrics of the judged days</h2>
      <div class="sheet">
        <table>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col" class="number">
                Value
              </th>
              <th scope="col" class="number wide">
                95% interval
              </th>
              {compared && (
                <>
                  <th scope="col" class="number">
                    Reference
                  </th>
                  <th scope="col" class="number wide">
                    Limit of the change
                  </th>
                  <th scope="col" class="wide">
                    Judged
                  </th>
                </>
              )}
              <th scope="col" class="number wide">
                Rows
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((name) => (
              <Row key={name} name={name} one={metrics[name]!} report={report} compared={compared} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ name, one, report, compared }: { name: string; one: MetricOfWindow; report: Performance; compared: boolean }): JSX.Element {
  const judgement = verdict(one);
  const shown = name === report.metric;
  return (
    <tr class={shown ? "open" : ""}>
      <th scope="row">
        <button type="button" class="link cover" aria-pressed={shown} onClick={() => setQuery({ metric: name === report.headline ? null : name })}>
          {metric(name).label}
        </button>
        <span class="labels wide">
          <span>{metric(name).about}</span>
        </span>
      </th>
      <td class={`number ${judgement === "worse" ? "bad strong" : "strong"}`} title={one.bound > 0 ? `The exact value differs by at most ${one.bound.toPrecision(2)}.` : undefined}>
        {amount(name, one.value)}
        {one.limit !== null && (
          <small class="narrow">
            change {drop(name, one.drop)}
            <br />
            limit {drop(name, one.limit)}
          </small>
        )}
      </td>
      <td class="number wide">{reach(name, one.interval) ?? "–"}</td>
      {compared && (
        <>
          <td class="number">{amount(name, one.reference ?? report.reference?.metrics[name])}</td>
          <td class="number wide" title={one.p_value === null ? undefined : `p = ${pValue(one.p_value)}`}>
            {drop(name, one.limit)}
          </td>
          <td class="wide">{VERDICTS[judgement]}</td>
        </>
      )}
      <td class="number wide muted">{count(one.n)}</td>
    </tr>
  );
}

function Labels({ labels }: { labels: LabelsState }): JSX.Element {
  const p99 = labels.delay_hours.p99;
  return (
    <section>
      <h2>Labels</h2>
      <Facts
        items={[
          ["Received", count(labels.received)],
          ["Matched", count(labels.matched), "predictions with a label"],
          ["Waiting", count(labels.waiting), "for their prediction"],
          ["Unmatched", count(labels.unmatched), "no prediction, or an unknown value"],
          ["Corrected", count(labels.corrected), `${count(labels.withdrawn)} withdrawn`],
          ...(p99 === null || p99 === undefined ? [] : ([["Slowest", hours(p99), "99% of labels arrive within"]] as [string, string, string][])),
        ]}
      />
    </section>
  );
}
