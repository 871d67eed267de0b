// The API's types as the page uses them. They come from openapi.json: contract.mjs translates it.
import type { Schemas } from "../generated/contract";

export type State = Schemas["State"];
export type Rule = Schemas["Rule"];
export type FeatureOverride = Schemas["FeatureOverride"];
/** A response has every default filled in. The document calls such fields optional because requests may omit them. */
export type ModelSettings = Required<Schemas["ModelSettings"]>;
export type Model = Omit<Schemas["Model"], "settings"> & { settings: ModelSettings };

export type Role = "ingest" | "viewer" | "admin";
/** The document declares the role as any string. */
export type Me = Schemas["Me"] & { role: Role };

export type Alert = Schemas["AlertSummary"];
export type AlertDetail = Schemas["AlertDetail"];
export type AlertType = Alert["alert_type"];
export type AlertStatus = Alert["status"];
export type Severity = Alert["severity"];

type AlertFeature = Schemas["AlertFeature"];
export type Kind = NonNullable<AlertFeature["kind"]>;
export type Shares = Schemas["Shares"];
export type Histogram = Schemas["Histogram"];

type ReportFeature = Schemas["ReportFeature"];
export type Report = Schemas["Report"];
export type Compared = Schemas["Compared"];
export type HistoryRow = Schemas["HistoryRow"];

/** A feature of an alert or of a report. An alert keeps fewer fields. */
export type Feature = AlertFeature & Omit<Partial<ReportFeature>, keyof AlertFeature>;

export type Baseline = Schemas["BaselineView"];
export type BaselineVersion = Schemas["BaselineVersion"];
export type Simulation = Schemas["Simulation"];

type AnyChannel =
  | Schemas["EmailChannel"]
  | Schemas["SlackChannel"]
  | Schemas["TeamsChannel"]
  | Schemas["PagerDutyChannel"]
  | Schemas["WebhookChannel"];
export type ChannelType = AnyChannel["type"];
type Of<T, K extends PropertyKey> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;
type Names<T> = T extends unknown ? keyof T : never;
/** A channel of any type. Fields that only some types have are optional. */
export type Channel = Pick<AnyChannel, keyof AnyChannel> & { [K in Names<AnyChannel>]?: Of<AnyChannel, K> };
export type TestResult = Schemas["TestResult"];

export type Health = Schemas["Health"];
export type Scheduler = Schemas["SchedulerStatus"];
export type Queued = Schemas["Queued"];

export type Task = Schemas["Task"];
export type Performance = Schemas["PerformanceShown"];
export type PerformanceDay = Schemas["DayShown"];
export type MetricOfWindow = Schemas["MetricShown"];
export type LabelsState = Schemas["LabelsShown"];
