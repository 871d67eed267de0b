// The shapes of the HTTP contract, as far as the page uses them.

export type Role = "ingest" | "viewer" | "admin";
export type State = "ok" | "drift" | "data_quality" | "insufficient_data" | "no_baseline" | "no_data";
export type Severity = "LOW" | "MEDIUM" | "HIGH";
export type AlertType = "data_drift" | "prediction_drift" | "data_quality" | "no_data";
export type AlertStatus = "firing" | "acknowledged" | "snoozed" | "resolved";
export type FeatureType = "numeric" | "categorical" | "boolean";
export type Rule = "budget" | "p_value";

export interface Me {
  organization: { id: string; name: string };
  role: Role;
}

export interface FeatureOverride {
  rule?: Rule | null;
  alpha?: number | null;
  min_drift_score?: number | null;
  min_samples?: number | null;
  enabled?: boolean | null;
}

export interface ModelSettings {
  window_days: number;
  rule: Rule;
  alpha: number;
  min_drift_score: number;
  min_share_change: number;
  min_samples: number;
  warmup_hours: number;
  renotify_hours: number;
  resolve_after_hours: number;
  no_data_hours: number;
  enabled: boolean;
  features: Record<string, FeatureOverride>;
}

export interface Model {
  id: string;
  name: string;
  description: string | null;
  labels: Record<string, string>;
  settings: ModelSettings;
  created_at: string;
  baseline_version: number | null;
  state: State;
  preliminary?: boolean;
  last_checked_at: string | null;
  drift_score: number | null;
  open_alerts: number;
  recent_scores: { day: string; drift_score: number | null }[];
}

export interface Shares {
  baseline: number;
  window: number;
}

export interface Histogram {
  edges?: (number | null)[] | null;
  categories?: string[] | null;
  baseline: number[];
  window: number[];
}

export interface Feature {
  name: string;
  role?: "feature" | "prediction";
  type?: FeatureType | null;
  test?: string | null;
  status?: "ok" | "drift" | "insufficient_data";
  drift_score: number | null;
  p_value: number | null;
  threshold?: number | null;
  p_threshold?: number | null;
  min_detectable_score?: number | null;
  drifted: boolean;
  kind?: "missing" | "new_categories" | "out_of_range" | "wrong_type" | null;
  shares?: Shares | null;
  new_categories?: string[];
  missing?: Shares | null;
  psi?: number | null;
  wasserstein?: number | null;
  histogram?: Histogram | null;
  mean?: { baseline: number | null; window: number | null } | null;
  data_quality?: { kind: NonNullable<Feature["kind"]>; baseline: number; window: number; fired: boolean }[];
}

export interface Window {
  start: string;
  end: string;
}

export interface Report {
  model_id: string;
  checked_at: string;
  status: State;
  reason: string | null;
  preliminary: boolean;
  drift_score: number | null;
  p_value: number | null;
  baseline_version: number | null;
  window: Window;
  n_baseline: number;
  n_window: number;
  features: Feature[];
}

export interface HistoryRow {
  checked_at: string;
  status: State;
  preliminary?: boolean;
  drift_score: number | null;
  p_value: number | null;
  drifted_features: string[];
  n_window: number;
  feature_scores: Record<string, number | null>;
}

export interface Alert {
  id: string;
  model_id: string;
  model_name: string;
  alert_type: AlertType;
  status: AlertStatus;
  severity: Severity;
  drift_score: number | null;
  p_value: number | null;
  peak_score: number | null;
  detected_at: string;
  last_detected_at: string;
  resolved_at: string | null;
  snoozed_until?: string | null;
  occurrences: number;
  preliminary: boolean;
  baseline_version: number | null;
  n_baseline: number | null;
  n_window: number | null;
  window?: Window | null;
  features: Feature[];
  recommended_actions: string[];
}

export interface AlertDetail extends Alert {
  timeline: { at: string; event: string; note?: string | null }[];
  deliveries: {
    channel_id: string;
    type: string;
    event: string;
    attempt: number;
    at: string;
    outcome: string;
    detail?: string | null;
  }[];
}

export interface Baseline {
  version: number;
  rows: number;
  days?: number | null;
  created_at: string;
  source: string;
  features: {
    name: string;
    role: "feature" | "prediction";
    type: FeatureType;
    missing_share: number;
    quantiles?: Record<string, number> | null;
    categories?: Record<string, number> | null;
  }[];
}

export interface BaselineVersion {
  version: number;
  rows: number;
  created_at: string;
  source: string;
  current?: boolean;
}

export interface Simulation {
  checks: number;
  alerts: {
    alert_type: AlertType;
    severity: Severity;
    opened_at: string;
    resolved_at: string | null;
    features: (string | { name: string })[];
  }[];
  messages: number;
}

export type ChannelType = "email" | "slack" | "webhook" | "pagerduty" | "teams";

export interface Channel {
  id: string;
  type: ChannelType;
  name: string;
  enabled: boolean;
  min_severity: Severity;
  model_ids?: string[];
  to?: string[];
  webhook_url?: string;
  url?: string;
  secret?: string;
  routing_key?: string;
  region?: "us" | "eu";
  health?: { status: "ok" | "unhealthy"; reason: string | null; since: string | null };
}

export interface Scheduler {
  is_running: boolean;
  jobs: {
    id: string;
    name: string;
    trigger: string;
    last_run: string | null;
    next_run: string | null;
    models_checked: number;
    models_skipped: number;
    models_failed: number;
  }[];
}
