// Labels for the values that the API uses as names.
import type { AlertStatus, AlertType, Feature, Kind, State } from "./types";

export const STATES: Record<State, { label: string; tone: string; about: string }> = {
  drift: { label: "Drift", tone: "bad", about: "A feature or the prediction has moved away from the baseline." },
  data_quality: { label: "Data quality", tone: "warn", about: "The window has more missing, new, out-of-range or wrongly typed values than the baseline." },
  no_data: { label: "No data", tone: "warn", about: "No predictions were logged in the window." },
  insufficient_data: { label: "Too little data", tone: "quiet", about: "The window has too few values for a verdict." },
  no_baseline: { label: "No baseline", tone: "quiet", about: "The model has no baseline to compare with yet." },
  ok: { label: "OK", tone: "good", about: "No test found a difference between window and baseline." },
};

export const STATE_ORDER: State[] = ["drift", "data_quality", "no_data", "insufficient_data", "no_baseline", "ok"];

export const ALERT_TYPES: Record<AlertType, string> = {
  data_drift: "Data drift",
  prediction_drift: "Prediction drift",
  data_quality: "Data quality",
  no_data: "No data",
  performance: "Worse performance",
  labels_missing: "Missing labels",
};

/** The title of an alert about a model, as in the subject of its e-mail. */
export const ALERT_TITLES: Record<AlertType, string> = {
  data_drift: "Data drift in",
  prediction_drift: "Prediction drift in",
  data_quality: "Data quality of",
  no_data: "No data from",
  performance: "Worse performance of",
  labels_missing: "No labels for",
};

export const ALERT_STATUSES: Record<AlertStatus, string> = {
  firing: "Firing",
  acknowledged: "Acknowledged",
  snoozed: "Snoozed",
  resolved: "Resolved",
};

export const EVENTS: Record<string, string> = {
  opened: "Opened",
  escalated: "Severity rose",
  eased: "Severity fell",
  reminded: "Reminder",
  repeated: "Reminder",
  below: "Back below the limit",
  returned: "Above the limit again",
  acknowledged: "Acknowledged",
  snoozed: "Snoozed",
  snooze_ended: "Snooze ended",
  resolved: "Resolved",
  test: "Test",
};

export const KINDS: Record<Kind, string> = {
  missing: "missing values",
  new_categories: "new categories",
  out_of_range: "values out of range",
  wrong_type: "values of the wrong type",
  unexpected_feature: "values that the baseline lacks",
};

const TYPES = { numeric: "numbers", categorical: "texts", boolean: "booleans" } as const;

/** Which type the baseline has and which values came, such as "numbers in the baseline, texts such as “41” now". */
export function typeChange({ type_change: change }: Feature): string | null {
  if (!change) return null;
  const example = change.example === null || change.example === undefined ? "" : ` such as “${change.example}”`;
  return `${change.expected ? `${TYPES[change.expected]} in the baseline, ` : ""}${TYPES[change.type]}${example} now`;
}

/** The feature's name in scores and settings: a feature called "prediction" is not the prediction. */
export const key = ({ name, role }: Pick<Feature, "name" | "role">): string =>
  role !== "prediction" && /^(feature:)*prediction$/.test(name) ? `feature:${name}` : name;

export const CHANNELS = { email: "E-mail", slack: "Slack", teams: "Teams", pagerduty: "PagerDuty", webhook: "Webhook" } as const;

export const OUTCOMES: Record<string, { label: string; tone: string }> = {
  delivered: { label: "Delivered", tone: "good" },
  sending: { label: "Sending", tone: "quiet" },
  retrying: { label: "Retrying", tone: "warn" },
  failed: { label: "Failed", tone: "bad" },
  skipped: { label: "Skipped", tone: "quiet" },
};

/** The label of a category. Names with underscores are the API's own groups of values. */
export const category = (name: string): string =>
  name === "__rare__" ? "other known values" : name === "__new__" ? "values not in the baseline" : name === "__other__" ? "all other values" : name === "" ? "(empty text)" : name;

/** The limit of a feature's score. "by p" stands for a rule that compares the p-value only. */
export function limit(feature: Feature): string {
  if (feature.threshold !== null && feature.threshold !== undefined) return feature.threshold.toFixed(3);
  return feature.p_threshold ? "by p" : "–";
}

/** What the sudden part compares with. */
export const PAST: Record<string, string> = { "same weekday": "the same weekday", "working days": "working days", "baseline hours": "the baseline" };
