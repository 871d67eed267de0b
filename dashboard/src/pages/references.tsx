import type { JSX } from "preact";
import { at } from "../api";
import { onDay, plural, pValue, score } from "../format";
import { useResource } from "../hooks";
import { setQuery } from "../router";
import type { Compared, Model, Report } from "../types";
import { Loaded, Name } from "../ui";

export const SOURCES = ["training", "previous_period", "rolling_28d"] as const;
type Source = (typeof SOURCES)[number];

export function sourceWords(source: Source, windowDays: number): string {
  return { training: "Baseline only", previous_period: `${plural(windowDays, "day")} before`, rolling_28d: "28 days before" }[source];
}

/** Features shown of a comparison: those with the highest scores. */
const SHOWN = 10;

/** The window compared with earlier days of the model, for whom the baseline is too old. It never decides on alerts. */
export function Reference({ model, report, query }: { model: Model; report: Report; query: URLSearchParams }): JSX.Element {
  const asked = SOURCES.find((source) => source === query.get("reference"));
  const source: Source = asked ?? report.reference?.source ?? "training";
  return (
    <section class={source === "training" ? "screen" : ""}>
      <div class="head">
        <h2>Compared with earlier days</h2>
        <div class="chips" role="group" aria-label="Compared with">
          {SOURCES.map((one) => (
            <button key={one} type="button" aria-pressed={one === source} onClick={() => setQuery({ reference: one })}>
              {sourceWords(one, model.settings.window_days)}
            </button>
          ))}
        </div>
      </div>
      {source === "training" ? (
        <p class="muted">Choose earlier days of this model to see what changed lately. Alerts do not depend on this choice.</p>
      ) : (
        <Earlier key={source} model={model} report={report} source={source} />
      )}
    </section>
  );
}

function Earlier({ model, report, source }: { model: Model; report: Report; source: Source }): JSX.Element {
  const stored = report.reference?.source === source ? report.reference : null;
  const asked = useResource<Compared>(stored ? null : `${at`/drift/models/${model.id}/compare`}?reference=${source}`, { refresh: false });
  if (stored) return <Differences of={stored} />;
  return (
    <Loaded of={asked} what="the comparison" rows={4}>
      {(found) => <Differences of={found} />}
    </Loaded>
  );
}

function Differences({ of: found }: { of: Compared }): JSX.Element {
  const tested = found.features.filter((feature) => feature.drift_score !== null);
  const ranked = tested.sort((one, other) => (other.drift_score ?? 0) - (one.drift_score ?? 0));
  const last = new Date(Date.parse(found.end) - 1);
  return (
    <>
      {found.reason && <p>{found.reason}</p>}
      {ranked.length > 0 && (
        <>
          <p class="muted">
            {found.drifted_features.length} of {plural(tested.length, "feature")} differ from {onDay(new Date(found.start))} to {onDay(last)} (
            {plural(found.n_reference, "row")}) by more than their limit.
          </p>
          <div class="sheet">
            <table>
              <thead>
                <tr>
                  <th scope="col">Feature</th>
                  <th scope="col" class="number">
                    Score
                  </th>
                  <th scope="col" class="number">
                    Limit
                  </th>
                  <th scope="col" class="number">
                    p
                  </th>
                  <th scope="col" class="wide">
                    Change
                  </th>
                </tr>
              </thead>
              <tbody>
                {ranked.slice(0, SHOWN).map((feature) => (
                  <tr key={`${feature.role}:${feature.name}`}>
                    <th scope="row">
                      <Name of={feature.name} />
                    </th>
                    <td class={`number ${feature.status === "drift" ? "bad strong" : ""}`}>{score(feature.drift_score)}</td>
                    <td class="number muted">{score(feature.threshold)}</td>
                    <td class="number">{pValue(feature.p_value)}</td>
                    <td class="wide">{feature.direction ?? "–"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {ranked.length > SHOWN && <p class="muted">The {SHOWN} features with the highest scores are shown.</p>}
        </>
      )}
    </>
  );
}
