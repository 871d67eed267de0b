import type { JSX } from "preact";
import { BASE } from "../api";
import { to } from "../router";
import type { Model } from "../types";
import { Snippet } from "../ui";

/** How to send labels, with requests to copy. */
export function LabelSteps({ model }: { model: Model }): JSX.Element {
  const task = model.settings.task;
  const head = (key: string): string => `-H "x-api-key: $${key}" -H "content-type: application/json"`;
  const label = JSON.stringify(example(model));
  const python = label === "true" ? "True" : label;
  const time = new Date(Date.now() - 3_600_000).toISOString().slice(0, 19) + "Z";
  return (
    <div class="connect">
      <p class="lead">
        {task ? (
          <>
            <b>No labels yet.</b> Send the true value of each prediction when you know it. Labels may arrive late, in any order, and can be corrected.
          </>
        ) : (
          <>
            <b>Did the model get worse?</b> Drift shows that the data changed. Labels show whether the predictions are still right. DriftGuard then compares accuracy, AUC or errors with a reference, day by day.
          </>
        )}
      </p>
      {!task && (
        <section>
          <h2>1. Say what the model predicts</h2>
          <p class="muted">
            Choose the task under <a href={to("models", model.id, "settings")}>Settings</a>, or send it with an admin key. <code>positive</code> is the label that the model looks for.
          </p>
          <Snippet label="curl: set the task" text={`curl -X PATCH ${BASE}/models/${model.id} \\\n  ${head("DRIFTGUARD_ADMIN_KEY")} \\\n  -d '{"settings": {"task": {"type": "binary", "positive": 1}}}'`} />
        </section>
      )}
      <section>
        <h2>{task ? "1" : "2"}. Log predictions with your own ids</h2>
        <p class="muted">
          A label names its prediction by <code>prediction_id</code>. {(task?.type ?? "binary") === "binary" && <>Log the probability of the positive label as <code>score</code>, so that ROC AUC and calibration can be shown. </>}
          The <a href={to("models", model.id, "connect")}>Connect</a> tab shows how to log predictions.
        </p>
      </section>
      <section>
        <h2>{task ? "2" : "3"}. Send labels</h2>
        <p class="muted">
          Use a key with the role ingest. Send up to 5,000 labels in one request. <code>timestamp</code> is the time of the prediction. With it, labels are joined within an hour, without it within a day.
        </p>
        <div class="pair">
          <Snippet
            label="curl: send labels"
            text={`curl -X POST ${BASE}/models/${model.id}/labels \\\n  ${head("DRIFTGUARD_KEY")} \\\n  -d '{"labels": [{\n    "prediction_id": "order-17",\n    "label": ${label},\n    "timestamp": "${time}"\n  }]}'`}
          />
          <Snippet
            label="Python: send labels"
            text={`# pip install driftguard-client\nimport os\nfrom driftguard_client import DriftGuard\n\ndg = DriftGuard("${BASE}", os.environ["DRIFTGUARD_KEY"])\nmodel = dg.model(${JSON.stringify(model.name)})\n\n# log_label() returns at once and never raises.\nmodel.log_label(\n    "order-17",\n    ${python},\n    timestamp="${time}",\n)\n\n# A whole DataFrame:\n# model.log_labels(truth, prediction_id="id", label="y", timestamp="time")`}
          />
        </div>
        <p class="muted">The schedule joins labels with predictions once an hour. “Check now” joins them at once.</p>
      </section>
      <p class="muted">
        To see whether the model got worse, send a <a href={to("models", model.id, "baseline")}>baseline</a> with labels. It is the reference. API reference: <a href={`${BASE}/docs`}>{BASE}/docs</a>
      </p>
    </div>
  );
}

/** A label that the model's task knows. */
function example(model: Model): unknown {
  const task = model.settings.task;
  if (!task) return 1;
  if (task.type === "regression") return 12.5;
  return task.type === "binary" ? task.positive : task.classes?.[0];
}
