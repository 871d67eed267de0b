import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Categories } from "../charts/categories";
import { Distributions, shape } from "../charts/distribution";
import { ScoreChart } from "../charts/scores";
import type { Check } from "../charts/scores";
import { pValue, plural, points, quantity, score, share } from "../format";
import { useResource } from "../hooks";
import type { Resource } from "../hooks";
import { at } from "../api";
import type { Alert, Feature, HistoryRow, Kind, Shares } from "../types";
import { Facts, Problem, Time } from "../ui";
import type { Fact } from "../ui";
import { KINDS, PAST, key, typeChange } from "../words";

const DAY = 86_400_000;
const PAGES = 20;

export interface Span {
  from: number;
  until: number;
}

export type History = Resource<HistoryRow[]> & { rows: HistoryRow[] | undefined };

/** A model's checks in a period, oldest first. Null loads nothing. */
export function useHistory(modelId: string | null, span: Span): History {
  const days = Math.min(400, Math.max(1, Math.ceil((Date.now() - span.from) / DAY)));
  const history = useResource<HistoryRow[]>(modelId === null ? null : `${at`/drift/models/${modelId}/history`}?days=${days}&limit=500`, { pages: PAGES });
  const rows = useMemo(
    () =>
      history.data
        ?.filter((row) => {
          const time = Date.parse(row.checked_at);
          return time >= span.from && time <= span.until;
        })
        .reverse(),
    [history.data, Math.round(span.from / 60_000), Math.round(span.until / 60_000)],
  );
  return { ...history, rows };
}

/** The details of one feature: its distributions, its score over time, and its test results. */
export function FeaturePanel({
  feature,
  history,
  alerts,
  span,
  limit = feature.kind ? null : (feature.threshold ?? null),
}: {
  feature: Feature;
  history: History;
  alerts: Alert[];
  span: Span;
  /** The limit of the drift score. A data-quality finding has a limit of its own. */
  limit?: number | null;
}): JSX.Element {
  const checks = useMemo(
    () => history.rows?.map((row): Check => ({ at: Date.parse(row.checked_at), score: row.feature_scores[key(feature)] ?? null, replayed: row.replayed })),
    [history.rows, feature.name, feature.role],
  );
  const drawn = shape(feature.histogram);
  return (
    <div class="feature">
      <div>
        {feature.kind && feature.shares && <ShareChange kind={feature.kind} shares={feature.shares} />}
        {feature.renamed_from && <p>This may be the baseline's feature <b>{feature.renamed_from}</b> under a new name.</p>}
        {feature.type_change && <p>The values have another type: {typeChange(feature)}.</p>}
        {drawn ? (
          <Distributions feature={feature} drawn={drawn} />
        ) : feature.histogram?.categories?.length ? (
          <Categories histogram={feature.histogram} fresh={feature.new_categories ?? []} />
        ) : feature.kind ? null : (
          <p class="muted">The alert stores no histogram of this feature. Open the model's page to see the current one.</p>
        )}
        {!feature.kind && <MatchedHours feature={feature} />}
        {!feature.kind &&
          feature.data_quality?.filter((finding) => finding.fired).map((finding) => <ShareChange key={finding.kind} kind={finding.kind} shares={finding} />)}
      </div>
      <div>
        <h3>{feature.kind ? "Drift score over time, without missing values" : "Drift score over time"}</h3>
        {checks ? (
          <ScoreChart checks={checks} from={span.from} until={span.until} limit={limit} alerts={feature.kind ? [] : alerts} height={180} label={`Drift score of ${feature.name}`} />
        ) : history.error ? (
          <Problem error={history.error} what="Could not load the checks." retry={history.reload} />
        ) : (
          <div class="chart waiting" />
        )}
        <Numbers feature={feature} />
      </div>
    </div>
  );
}

/** The last hours beside the same hours of the model's past, if the last hours decide. */
function MatchedHours({ feature }: { feature: Feature }): JSX.Element | null {
  const { matched, sudden } = feature;
  if (!matched || !sudden?.window_hours) return null;
  const sides = { baseline: "usual values", window: `last ${sudden.window_hours} hours` };
  const drawn = shape(matched);
  const past = PAST[sudden.reference ?? "same weekday"];
  return (
    <div class="matched">
      <h3>Last {sudden.window_hours} hours against the same hours of {past}</h3>
      {drawn ? <Distributions feature={{ drift_score: sudden.score ?? null }} drawn={drawn} sides={sides} /> : <Categories histogram={matched} sides={sides} />}
      <p class="muted">
        The usual values come from {plural(sudden.reference_days, "day")} at the same hours{sudden.reference === "baseline hours" ? " of the baseline" : ""}, and follow the trend of the last week. The last hours differ from them by <b>{score(sudden.score)}</b>
        {sudden.onset && (
          <>
            {" since "}
            <Time at={sudden.onset} />
          </>
        )}
        .
      </p>
    </div>
  );
}

/** The share that a data-quality finding tested, in the baseline and in the window. */
function ShareChange({ kind, shares }: { kind: Kind; shares: Shares }): JSX.Element {
  const widest = Math.max(shares.baseline, shares.window, 1e-9);
  return (
    <div class="change">
      <h3>
        {KINDS[kind].charAt(0).toUpperCase()}
        {KINDS[kind].slice(1)}
      </h3>
      {(["baseline", "window"] as const).map((side) => (
        <div key={side}>
          <span>{side}</span>
          <span>
            <span class={`bar ${side}`} style={{ width: `${(shares[side] / widest) * 100}%` }} />
          </span>
          <b>{share(shares[side])}</b>
        </div>
      ))}
    </div>
  );
}

/** What the score of each drift test measures. */
const SCORES: Record<string, string> = { ks: "Kolmogorov–Smirnov D, 0 to 1", chi2: "total variation, 0 to 1", fisher: "difference of the shares, 0 to 1" };

/** What the last hours of a feature say, compared with the model's own past. */
function lately({ sudden }: Feature): Fact[] {
  if (!sudden) return [];
  if (sudden.state === "learning") return [["Last hours", "not compared yet", <>compared from <Time at={sudden.from} /></>]];
  if (sudden.score === null) return [["Last hours", "not compared", "too little data at the same hours of the past"]];
  const past = `${PAST[sudden.reference ?? "same weekday"]} (${plural(sudden.reference_days, "day")})`;
  const least = sudden.min_detectable === null ? "" : `. Smallest detectable change: ${score(sudden.min_detectable)}`;
  return [["Last hours", score(sudden.score), `difference from ${past} at the same hours${least}`]];
}

function Numbers({ feature }: { feature: Feature }): JSX.Element {
  const items: Fact[] = [];
  const test = SCORES[feature.test ?? ""];
  if (feature.kind) items.push(["Rise", feature.shares ? points(feature.shares.window - feature.shares.baseline) : score(feature.drift_score), KINDS[feature.kind]]);
  else if (feature.status === "insufficient_data")
    items.push(["Drift score", "too few values", feature.min_detectable_score ? `smallest detectable score: ${score(feature.min_detectable_score)}` : undefined]);
  else items.push(["Drift score", score(feature.drift_score), test]);
  if (feature.threshold !== null && feature.threshold !== undefined)
    items.push(["Limit", feature.kind ? points(feature.threshold) : feature.threshold.toFixed(3)]);
  if (!feature.kind && feature.expected_by_chance !== null && feature.expected_by_chance !== undefined)
    items.push(["Expected by chance", feature.expected_by_chance.toFixed(3), "usual score without drift at this sample size"]);
  items.push(["p-value", pValue(feature.p_value), feature.p_threshold ? `limit ${pValue(feature.p_threshold)}` : undefined]);
  items.push(...lately(feature));
  if (feature.psi !== null && feature.psi !== undefined) items.push(["PSI", feature.psi.toFixed(3), "0 means no change, 0.25 a large one"]);
  if (feature.wasserstein !== null && feature.wasserstein !== undefined) items.push(["Wasserstein", quantity(feature.wasserstein), `mean shift in the feature's unit${feature.wasserstein_error_bound ? `, accurate to ${quantity(feature.wasserstein_error_bound)}` : ""}`]);
  if (feature.mean && feature.mean.window !== null && feature.mean.baseline !== null)
    items.push(["Mean", quantity(feature.mean.window), `${quantity(feature.mean.baseline)} in the baseline`]);
  if (feature.missing) items.push(["Missing", share(feature.missing.window), `${share(feature.missing.baseline)} in the baseline`]);
  return <Facts items={items} />;
}
