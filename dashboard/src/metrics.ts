// Names, formats and directions of the metrics of a model's performance.
import { share as percent, quantity } from "./format";
import type { MetricOfWindow } from "./types";

interface Metric {
  label: string;
  about: string;
  /** Shares are shown in percent, scores with three decimals, and numbers in the unit of the labels with four digits. */
  unit: "share" | "score" | "own";
  /** Which values are better. Null: neither. */
  better: "higher" | "lower" | null;
  /** Whether all values lie between 0 and 1. */
  bounded: boolean;
}

const share = (label: string, about: string): Metric => ({ label, about, unit: "share", better: "higher", bounded: true });
const score = (label: string, about: string, better: Metric["better"] = "higher", bounded = true): Metric => ({ label, about, unit: "score", better, bounded });
const own = (label: string, about: string, better: Metric["better"] = "lower"): Metric => ({ label, about, unit: "own", better, bounded: false });

const METRICS: Record<string, Metric> = {
  accuracy: share("Accuracy", "Share of predictions that equal the label."),
  precision: share("Precision", "Share of predicted positives that are positive."),
  recall: share("Recall", "Share of positives that were predicted positive."),
  f1: score("F1", "Harmonic mean of precision and recall."),
  specificity: share("Specificity", "Share of negatives that were predicted negative."),
  roc_auc: score("ROC AUC", "Probability that a positive has a higher score than a negative. 0.5 is chance."),
  average_precision: score("Average precision", "Precision averaged over all thresholds, weighted by recall."),
  brier: score("Brier score", "Mean squared difference of score and label.", "lower"),
  log_loss: score("Log loss", "Mean negative logarithm of the probability given to the label.", "lower", false),
  ece: score("Calibration error", "Mean difference between score and share of positives, in tenths of the score.", "lower"),
  value_per_row: own("Value per prediction", "Mean of the task's value matrix.", "higher"),
  mae: own("Mean absolute error", "Mean size of the error."),
  rmse: own("Root mean squared error", "Weights large errors more than the mean absolute error does."),
  bias: own("Bias", "Mean of prediction less label. 0 is best.", null),
  r2: score("R²", "Share of the labels' variance that the predictions explain.", "higher", false),
  median_error: own("Median error", "Half of the errors are smaller."),
  p90_error: own("90% of errors below", "The largest 10% of the errors exceed this value."),
};

const AVERAGES: Record<string, string> = { macro: "each class counts alike", micro: "each prediction counts alike", weighted: "classes count by their number of labels" };

/** How a metric is shown. An outcome is a number that users send with their labels. */
export function metric(name: string): Metric {
  const known = METRICS[name];
  if (known) return known;
  if (name.startsWith("outcome:")) return own(name.slice("outcome:".length), "Mean of the outcome that was sent with the labels.", null);
  const [, top, part] = /^(precision|recall)_at_(\d+)$/.exec(name) ?? [];
  if (top && part) return share(`${METRICS[top]!.label} in the top ${part}%`, `${METRICS[top]!.label} if the ${part}% with the highest scores are predicted positive.`);
  const [, average = "", of] = /^(macro|micro|weighted)_(precision|recall|f1)$/.exec(name) ?? [];
  if (of) {
    const { label, unit } = METRICS[of]!;
    return { ...share(`${average.charAt(0).toUpperCase()}${average.slice(1)} ${of === "f1" ? label : label.toLowerCase()}`, `Average over the classes: ${AVERAGES[average]}.`), unit };
  }
  return own(name, "", null);
}

/** A value of a metric as text. */
export function amount(name: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const { unit } = metric(name);
  return unit === "share" ? percent(value) : unit === "score" ? value.toFixed(3) : quantity(Number(value.toPrecision(4)));
}

/** The drop of a judged metric, or its limit, as text. Errors are judged by the KS distance of their sizes. */
export function drop(name: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (name === "mae") return `KS ${value.toFixed(3)}`;
  return metric(name).unit === "share" ? `${(value * 100).toFixed(1)} pp` : value.toFixed(3);
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
