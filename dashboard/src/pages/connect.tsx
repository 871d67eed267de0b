import type { JSX } from "preact";
import { BASE, at } from "../api";
import { useResource } from "../hooks";
import { to } from "../router";
import type { Baseline, Model } from "../types";
import { Snippet } from "../ui";

/** How to send the first predictions: requests that work as they are, but for the key. */
export function ConnectPart({ model, first = false }: { model: Model; first?: boolean }): JSX.Element {
  const baseline = useResource<Baseline>(model.baseline_version === null ? null : at`/models/${model.id}/baseline`, { refresh: false });
  const row = example(baseline.data);
  const prediction = baseline.data?.features.find((feature) => feature.role === "prediction");
  const answer = prediction ? value(prediction) : 0.42;
  const log = JSON.stringify({ model_id: model.id, features: row, prediction: answer }, null, 2);
  const base = JSON.stringify({ rows: [{ features: row, prediction: answer }] }, null, 2);
  return (
    <div class="connect">
      {first && (
        <p class="lead">
          {model.baseline_version === null ? (
            <>
              <b>No baseline yet.</b> Send the rows this model was trained on, then its predictions as it makes them; the first check follows within 15 minutes.
            </>
          ) : (
            <>
              <b>No check yet.</b> There is a baseline; send predictions, and the first check follows within 15 minutes.
            </>
          )}
        </p>
      )}
      {model.baseline_version === null && (
        <section>
          <h2>1. A baseline: what is normal</h2>
          <p class="muted">Training or validation data as the model saw it, all its rows in one request of up to 4 MB, with an admin key.</p>
          <div class="pair">
            <Snippet label="curl" text={`curl -X PUT ${BASE}/models/${model.id}/baseline \\\n  -H "x-api-key: $DRIFTGUARD_ADMIN_KEY" -H "content-type: application/json" \\\n  -d '${quoted(base)}'`} />
            <Snippet
              label="Python"
              text={`import os, requests\n\n# train: a pandas DataFrame; answers: the model's predictions for it\nrequests.put(\n    "${BASE}/models/${model.id}/baseline",\n    headers={"x-api-key": os.environ["DRIFTGUARD_ADMIN_KEY"]},\n    json={"columns": train.astype(object).where(train.notna(), None).to_dict("list"),\n          "predictions": list(answers)},\n    timeout=60,\n).raise_for_status()`}
            />
          </div>
        </section>
      )}
      <section>
        <h2>{model.baseline_version === null ? "2. Predictions as they are made" : "Log a prediction"}</h2>
        <p class="muted">With a key of the role ingest. One at a time as here, or up to 5,000 at once to /predictions/batch.</p>
        <div class="pair">
          <Snippet label="curl" text={`curl -X POST ${BASE}/predictions \\\n  -H "x-api-key: $DRIFTGUARD_KEY" -H "content-type: application/json" \\\n  -d '${quoted(log)}'`} />
          <Snippet
            label="Python"
            text={`import os, requests\n\nrequests.post(\n    "${BASE}/predictions",\n    headers={"x-api-key": os.environ["DRIFTGUARD_KEY"]},\n    json=${python(log)},\n    timeout=5,\n).raise_for_status()`}
          />
        </div>
      </section>
      {!first && (
        <p class="muted">
          Where messages go is set under <a href={to("channels")}>Channels</a>. The whole API: <a href={`${BASE}/docs`}>{BASE}/docs</a>
        </p>
      )}
    </div>
  );
}

const python = (json: string): string =>
  json
    .replace(/: true(?=,?$)/gm, ": True")
    .replace(/: false(?=,?$)/gm, ": False")
    .replace(/: null(?=,?$)/gm, ": None")
    .replace(/\n/g, "\n    ");

const quoted = (json: string): string => json.replaceAll("'", "'\\''").replaceAll("\n", "\n  ");

/** A row as this model has them, where its baseline is known. */
function example(baseline: Baseline | undefined): Record<string, unknown> {
  const features = baseline?.features.filter((feature) => feature.role === "feature").slice(0, 5);
  if (!features?.length) return { age: 42, plan: "basic", active: true };
  return Object.fromEntries(features.map((feature) => [feature.name, value(feature)]));
}

function value(feature: Baseline["features"][number]): unknown {
  if (feature.type === "numeric") {
    const quantiles = Object.values(feature.quantiles ?? {}).filter((number): number is number => typeof number === "number");
    return Number((quantiles[Math.floor(quantiles.length / 2)] ?? 0).toPrecision(5));
  }
  const first = Object.keys(feature.categories ?? {}).find((name) => !name.startsWith("__")) ?? "a";
  return feature.type === "boolean" ? first === "true" : first;
}
