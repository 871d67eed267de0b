import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { at, call, forget } from "../api";
import { count, plural, quantity, share } from "../format";
import { useAction, useAdmin, useList, useResource } from "../hooks";
import type { Baseline, BaselineVersion, Model } from "../types";
import { Dialog, Empty, Field, Loaded, Loading, Name, Period, Problem, Tag, Time } from "../ui";
import { category } from "../words";
import { ConnectPart } from "./connect";

const AT_ONCE = 40;

export function BaselinePart({ model, changed }: { model: Model; changed: () => void }): JSX.Element {
  const admin = useAdmin();
  const versions = useList<BaselineVersion>(`${at`/models/${model.id}/baselines`}?limit=50`);
  const baseline = useResource<Baseline>(model.baseline_version === null ? null : at`/models/${model.id}/baseline`, { refresh: false });
  const [restoring, setRestoring] = useState<BaselineVersion | null>(null);
  const [making, setMaking] = useState(false);
  const refreshed = (): void => {
    forget("/models");
    forget("/drift");
    changed();
  };
  if (model.baseline_version === null)
    return (
      <>
        <ConnectPart model={model} first />
        {admin && (
          <section>
            <h2>Or use logged predictions</h2>
            <button type="button" onClick={() => setMaking(true)}>
              Create baseline from recent predictions
            </button>
          </section>
        )}
        {making && <FromPredictions model={model} onClose={() => setMaking(false)} changed={refreshed} />}
      </>
    );
  return (
    <>
      <section>
        <div class="head">
          <h2>Versions</h2>
          {admin && (
            <button type="button" onClick={() => setMaking(true)}>
              Create baseline from recent predictions
            </button>
          )}
        </div>
        {versions.error && <Problem error={versions.error} what="Could not load the versions." retry={versions.reload} />}
        {!versions.items && !versions.error && <Loading rows={3} />}
        {versions.items && (
          <div class="sheet">
            <table class="free">
              <thead>
                <tr>
                  <th scope="col">Version</th>
                  <th scope="col" class="number">Rows</th>
                  <th scope="col">Source</th>
                  <th scope="col" class="wide">Created</th>
                  <th scope="col">
                    <span class="hidden">Use</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {versions.items.map((version) => {
                  const current = version.version === model.baseline_version;
                  return (
                    <tr key={version.version}>
                      <th scope="row">{version.version}</th>
                      <td class="number">{count(version.rows)}</td>
                      <td>
                        <Source of={version.source} />
                      </td>
                      <td class="wide">
                        <Time at={version.created_at} />
                      </td>
                      <td class="end">
                        {current ? (
                          <Tag tone="good">In use</Tag>
                        ) : (
                          admin && (
                            <button type="button" class="small" onClick={() => setRestoring(version)}>
                              Restore<span class="hidden"> version {version.version}</span>
                            </button>
                          )
                        )}
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
        {versions.more && (
          <button type="button" class="more" onClick={versions.more} disabled={versions.busy}>
            Older versions
          </button>
        )}
      </section>
      <Loaded of={baseline} what="the baseline" rows={6}>
        {(found) => <Contents baseline={found} />}
      </Loaded>
      {restoring && <Restore model={model} version={restoring} onClose={() => setRestoring(null)} changed={refreshed} />}
      {making && <FromPredictions model={model} onClose={() => setMaking(false)} changed={refreshed} />}
    </>
  );
}

function Contents({ baseline }: { baseline: Baseline }): JSX.Element {
  const [most, setMost] = useState(AT_ONCE);
  return (
    <section>
      <h2>Features in version {baseline.version}</h2>
      <p class="muted">{times(baseline)}</p>
      {baseline.features.length === 0 ? (
        <Empty title="No features" />
      ) : (
        <div class="sheet">
          <table class="free">
            <thead>
              <tr>
                <th scope="col">Feature</th>
                <th scope="col" class="wide">Type</th>
                <th scope="col" class="number">Missing</th>
                <th scope="col" class="number wide">Wrong type</th>
                <th scope="col">Values</th>
              </tr>
            </thead>
            <tbody>
              {baseline.features.slice(0, most).map((feature) => (
                <tr key={`${feature.role}:${feature.name}`}>
                  <th scope="row">
                    <Name of={feature.name} />
                  </th>
                  <td class="wide">{feature.type}</td>
                  <td class="number">{share(feature.missing_share)}</td>
                  <td class="number wide">
                    {share(feature.invalid_share)}
                    {(feature.examples ?? []).length > 0 && (
                      <>
                        <br />
                        <small class="muted">{feature.examples?.map((text) => `“${text}”`).join(", ")}</small>
                      </>
                    )}
                  </td>
                  <td>{values(feature)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {baseline.features.length > most && (
        <button type="button" class="more" onClick={() => setMost(most + 4 * AT_ONCE)}>
          Show more ({count(baseline.features.length - most)})
        </button>
      )}
    </section>
  );
}

/** Where the rows of a version come from. The API names a request `inline`, a file by its upload, and predictions by their times. */
function Source({ of }: { of: string }): JSX.Element {
  const [, start, end] = /^predictions (\S+) to (\S+)$/.exec(of) ?? [];
  if (start && end)
    return (
      <>
        predictions from <Period start={start} end={end} />
      </>
    );
  return <>{of === "inline" ? "request" : of.startsWith("upload ") ? <span title={of}>uploaded file</span> : of.replaceAll("_", " ")}</>;
}

function times(baseline: Baseline): string {
  if (baseline.hours_of_week == null)
    return "The baseline has no timestamps. Sudden changes can be found after the model has logged predictions for a week. Send timestamps with the baseline to find sudden changes from the first hours on.";
  return `The timestamps cover ${count(baseline.hours_of_week)} of the 168 hours of the week (UTC). Sudden changes are found by comparison with the same hours of the baseline.`;
}

function values(feature: Baseline["features"][number]): string {
  if (feature.quantiles) {
    const known = Object.entries(feature.quantiles).filter(([, number]) => typeof number === "number");
    const middle = known.find(([name]) => ["0.5", "50", "p50", "median"].includes(name)) ?? known[Math.floor(known.length / 2)];
    const [first, last] = [known[0], known.at(-1)];
    return first && last && middle ? `${quantity(first[1])} to ${quantity(last[1])}, median ${quantity(middle[1])}` : "–";
  }
  const names = Object.entries(feature.categories ?? {}).sort((a, b) => b[1] - a[1]);
  const shown = names.slice(0, 4).map(([name, part]) => `${category(name)} ${share(part)}`);
  return shown.join(", ") + (names.length > 4 ? `, ${plural(names.length - 4, "more value")}` : "");
}

const ABOUT = "The model's open alerts are resolved. The last 14 days of predictions are counted again for the new baseline.";

function Restore({ model, version, onClose, changed }: { model: Model; version: BaselineVersion; onClose: () => void; changed: () => void }): JSX.Element {
  const { run, busy, error } = useAction(async () => {
    await call("POST", at`/models/${model.id}/baselines/${version.version}/restore`);
    onClose();
    changed();
  });
  return (
    <Dialog title={`Restore version ${version.version}?`} onClose={onClose}>
      <p>
        Version {version.version}, of {plural(version.rows, "row")}, becomes the baseline again. {ABOUT}
      </p>
      {error && <Problem error={error} what="The version was not restored." />}
      <footer>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={busy} onClick={() => void run()}>
          Restore
        </button>
      </footer>
    </Dialog>
  );
}

function FromPredictions({ model, onClose, changed }: { model: Model; onClose: () => void; changed: () => void }): JSX.Element {
  const [days, setDays] = useState(7);
  const { run, busy, error } = useAction(async () => {
    const end = Date.now();
    const from = { start: new Date(end - days * 86_400_000).toISOString(), end: new Date(end).toISOString() };
    await call("PUT", at`/models/${model.id}/baseline`, { body: { from_predictions: from, days } });
    onClose();
    changed();
  });
  return (
    <Dialog title="Create baseline from recent predictions" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <p>The predictions of the last days become the new baseline. {ABOUT} You can restore an older version at any time.</p>
        <Field label="Days" hint="Use whole weeks to include each weekday equally. Predictions are kept for 21 days.">
          {(id, described) => (
            <input id={id} aria-describedby={described} type="number" min={1} max={21} required value={days} onInput={(event) => setDays(Number(event.currentTarget.value))} />
          )}
        </Field>
        {error && <Problem error={error} what="The baseline was not created." />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {busy ? "Creating…" : "Create baseline"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
