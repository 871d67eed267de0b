// Names, formats and directions of the metrics of a model's performance.
import { quantity } from "./format";
import type { MetricOfWindow } from "./types";

interface Metric {
  label: string;
  about: string;
  /** Whether the metric is a share or a probability between 0 and 1. */
  bounded: boolean;
  /** Whether three decimals fit every value. Other metrics are in the unit of the labels. */
  unitless: boolean;
  /** Which values are better. Null: neither. */
  better: "higher" | "lower" | null;
}

const share = (label: string, about: string): Metric => ({ label, about, bounded: true, unitless: true, better: "higher" });
const error = (label: string, about: string, bounded = false): Metric => ({ label, about, bounded, unitless: bounded, better: "lower" });

const METRICS: Record<string, Metric> = {
  accuracy: share("Accuracy", "Share of predictions that equal the label."),
  precision: share("Precision", "Share of predicted positives that are positive."),
  recall: share("Recall", "Share of positives that were predicted positive."),
  f1: share("F1", "Harmonic mean of precision and recall."),
  specificity: share("Specificity", "Share of negatives that were predicted negative."),
  roc_auc: share("ROC AUC", "Probability that a positive has a higher score than a negative. 0.5 is chance."),
  average_precision: share("Average precision", "Precision averaged over all thresholds, weighted by recall."),
  brier: error("Brier score", "Mean squared difference of score and label.", true),
  log_loss: { ...error("Log loss", "Mean negative logarithm of the probability given to the label."), unitless: true },
  ece: error("Calibration error", "Mean difference between score and share of positives, in tenths of the score.", true),
  value_per_row: { label: "Value per prediction", about: "Mean of the task's value matrix.", bounded: false, unitless: false, better: "higher" },
  mae: error("Mean absolute error", "Mean size of the error."),
  rmse: error("Root mean squared error", "Weights large errors more than the mean absolute error does."),
  bias: { label: "Bias", about: "Mean of prediction less label. 0 is best.", bounded: false, unitless: false, better: null },
  r2: { label: "R²", about: "Share of the labels' variance that the predictions explain.", bounded: false, unitless: true, better: "higher" },
  median_error: error("Median error", "Half of the errors are smaller."),
  p90_error: error("90% of errors below", "The largest 10% of the errors exceed this value."),
};

const AVERAGES: Record<string, string> = { macro: "each class counts alike", micro: "each prediction counts alike", weighted: "classes count by their number of labels" };

/** How a metric is shown. An outcome is a number that users send with their labels. */
export function metric(name: string): Metric {
  const known = METRICS[name];
  if (known) return known;
  if (name.startsWith("outcome:")) return { label: name.slice("outcome:".length), about: "Mean of the outcome that was sent with the labels.", bounded: false, unitless: false, better: null };
  const [, top, percent] = /^(precision|recall)_at_(\d+)$/.exec(name) ?? [];
  if (top && percent) return share(`${METRICS[top]!.label} in the top ${percent}%`, `${METRICS[top]!.label} if the ${percent}% with the highest scores are predicted positive.`);
  const [, average, of] = /^(macro|micro|weighted)_(precision|recall|f1)$/.exec(name) ?? [];
  if (average && of) return share(`${METRICS[of]!.label}, ${average}`, `Average over the classes: ${AVERAGES[average]}.`);
  return { label: name, about: "", bounded: false, unitless: false, better: null };
}

/** A value of a metric as text. */
export function amount(name: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return metric(name).unitless ? value.toFixed(3) : quantity(Number(value.toPrecision(4)));
}

/** An interval as text, such as "0.912 to 0.934". */
export function reach(name: string, interval: number[] | null | undefined): string | null {
  return interval ? `${amount(name, interval[0])} to ${amount(name, interval[1])}` : null;
}

/** What the judgement of a window says: worse, not worse, or why it says nothing. */
export type Verdict = "worse" | "same" | "too few" | "no reference";

export function verdict(one: MetricOfWindow | undefined): Verdict {
  if (one?.degraded === true) return "worse";
  if (one?.degraded === false) return "same";
  return one?.reference === null || one === undefined ? "no reference" : "too few";
}
