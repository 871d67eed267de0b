// What the contract's names are called on the page.
import type { AlertStatus, AlertType, Feature, Kind, State } from "./types";

export const STATES: Record<State, { label: string; tone: string; about: string }> = {
  drift: { label: "Drift", tone: "bad", about: "A feature or the prediction has moved away from the baseline." },
  data_quality: { label: "Data quality", tone: "warn", about: "More missing, new, out-of-range or wrongly typed values than in the baseline." },
  no_data: { label: "No data", tone: "warn", about: "Nothing was logged in the window." },
  insufficient_data: { label: "Too little data", tone: "quiet", about: "Not enough values in the window for a verdict." },
  no_baseline: { label: "No baseline", tone: "quiet", about: "There is nothing to compare with yet." },
  ok: { label: "OK", tone: "good", about: "The window looks like the baseline." },
};

export const STATE_ORDER: State[] = ["drift", "data_quality", "no_data", "insufficient_data", "no_baseline", "ok"];

export const ALERT_TYPES: Record<AlertType, string> = {
  data_drift: "Data drift",
  prediction_drift: "Prediction drift",
  data_quality: "Data quality",
  no_data: "No data",
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
  reminded: "Reminded",
  repeated: "Reminded",
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
};

export const CHANNELS = { email: "E-mail", slack: "Slack", teams: "Teams", pagerduty: "PagerDuty", webhook: "Webhook" } as const;

export const OUTCOMES: Record<string, { label: string; tone: string }> = {
  delivered: { label: "Delivered", tone: "good" },
  sending: { label: "Sending", tone: "quiet" },
  retrying: { label: "Retrying", tone: "warn" },
  failed: { label: "Failed", tone: "bad" },
  skipped: { label: "Skipped", tone: "quiet" },
};

/** What the counting calls its own categories. */
export const category = (name: string): string =>
  name === "__rare__" ? "other known values" : name === "__new__" ? "values not in the baseline" : name === "" ? "(empty text)" : name;

/** What decides about a feature, in words. */
export function limit(feature: Feature): string {
  if (feature.threshold !== null && feature.threshold !== undefined) return feature.threshold.toFixed(3);
  return feature.p_threshold ? "by p" : "–";
}
