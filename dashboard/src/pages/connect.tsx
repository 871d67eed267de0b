import type { JSX } from "preact";
import { BASE, at } from "../api";
import { useResource } from "../hooks";
import { to } from "../router";
import type { Baseline, Model } from "../types";
import { Snippet } from "../ui";

/** Requests to copy for the first predictions. They work once the key is set. */
export function ConnectPart({ model, first = false }: { model: Model; first?: boolean }): JSX.Element {
  const baseline = useResource<Baseline>(model.baseline_version === null ? null : at`/models/${model.id}/baseline`, { refresh: false });
  const row = example(baseline.data);
  const prediction = baseline.data?.features.find((feature) => feature.role === "prediction");
  const answer = prediction ? value(prediction) : 0.42;
  const name = JSON.stringify(model.name);
  // Labels name their prediction by its id, and scores show more of a model than its classes do.
  const { task } = model.settings;
  const known = { ...(task?.type === "binary" ? { score: 0.82 } : {}), ...(task ? { prediction_id: "order-17" } : {}) };
  const log = JSON.stringify({ model_id: model.id, features: row, prediction: answer, ...known }, null, 2);
  const more = Object.entries(known).map(([name, known]) => `    ${name}=${JSON.stringify(known)},\n`).join("");
  const base = JSON.stringify({ rows: [{ features: row, prediction: answer }] }, null, 2);
  return (
    <div class="connect">
      {first && (
        <p class="lead">
          {model.baseline_version === null ? (
            <>
              <b>No baseline yet.</b> Send the rows that this model was trained on, then log its predictions. The first check runs within 15 minutes.
            </>
          ) : (
            <>
              <b>No check yet.</b> The baseline is ready. Log predictions, and the first check runs within 15 minutes.
            </>
          )}
        </p>
      )}
      {model.baseline_version === null && (
        <section>
          <h2>1. Create the baseline</h2>
          <p class="muted">Send all rows of the training or validation data in one request of at most 4 MB. Use an admin key. If you know when each row occurred, add <code>timestamps</code>: sudden changes are then found from the first hours on.</p>
          <div class="pair">
            <Snippet label="curl" text={`curl -X PUT ${BASE}/models/${model.id}/baseline \\\n  -H "x-api-key: $DRIFTGUARD_ADMIN_KEY" -H "content-type: application/json" \\\n  -d '${quoted(base)}'`} />
            <Snippet
              label="Python"
              text={`# pip install driftguard-client\nimport os\nfrom driftguard_client import DriftGuard\n\ndg = DriftGuard("${BASE}", os.environ["DRIFTGUARD_ADMIN_KEY"])\nmodel = dg.model(${name})\n\n# train: a DataFrame. "pred" has the predictions,\n# every other column is a feature.\nmodel.set_baseline(train, prediction="pred")`}
            />
          </div>
        </section>
      )}
      <section>
        <h2>{model.baseline_version === null ? "2. Log predictions" : "Log a prediction"}</h2>
        <p class="muted">Use a key with the role ingest. To send up to 5,000 predictions in one request, use /predictions/batch or log_frame.</p>
        <div class="pair">
          <Snippet label="curl" text={`curl -X POST ${BASE}/predictions \\\n  -H "x-api-key: $DRIFTGUARD_KEY" -H "content-type: application/json" \\\n  -d '${quoted(log)}'`} />
          <Snippet
            label="Python"
            text={`# pip install driftguard-client\nimport os\nfrom driftguard_client import DriftGuard\n\ndg = DriftGuard("${BASE}", os.environ["DRIFTGUARD_KEY"])\nmodel = dg.model(${name})\n\n# log() returns at once and never raises.\nmodel.log(\n    ${python(JSON.stringify(row, null, 2))},\n    prediction=${python(JSON.stringify(answer))},\n${more})\n\n# A whole DataFrame:\n# model.log_frame(today, prediction="pred")`}
          />
        </div>
      </section>
      {!first && (
        <p class="muted">
          {task && <>Send the true values later: the <a href={to("models", model.id, "performance")}>Performance</a> tab shows how. </>}
          Choose who receives alerts under <a href={to("channels")}>Channels</a>. API reference: <a href={`${BASE}/docs`}>{BASE}/docs</a>
        </p>
      )}
    </div>
  );
}

/** A JSON value as Python writes it, indented as an argument. */
const python = (json: string): string =>
  json
    .replace(/(^|: )true(?=,?$)/gm, "$1True")
    .replace(/(^|: )false(?=,?$)/gm, "$1False")
    .replace(/(^|: )null(?=,?$)/gm, "$1None")
    .replace(/\n/g, "\n    ");

const quoted = (json: string): string => json.replaceAll("'", "'\\''").replaceAll("\n", "\n  ");

/** An example row, with all of the model's own features if it has a baseline. */
function example(baseline: Baseline | undefined): Record<string, unknown> {
  const features = baseline?.features.filter((feature) => feature.role === "feature");
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
