// Formats numbers and times for people.

const integers = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (value: number): string => integers.format(value);
export const brief = (value: number): string => (value < 10_000 ? integers.format(value) : compact.format(value));

export function score(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value !== 0 && value < 0.0005 ? "< 0.001" : value.toFixed(3);
}

export function share(value: number): string {
  const percent = value * 100;
  if (percent !== 0 && percent < 0.05) return "< 0.1%";
  return `${percent < 99.95 && percent !== 0 ? percent.toFixed(1) : percent.toFixed(0)}%`;
}

/** A difference of shares, in percentage points. */
export function points(value: number): string {
  const rounded = Math.abs(value * 100).toFixed(1);
  return `${rounded === "0.0" ? "" : value > 0 ? "+" : "−"}${rounded} pp`;
}

const superscript = (text: string): string =>
  text.replace(/[-0-9]/g, (digit) => (digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]!));

export function pValue(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "< 10⁻³⁰⁰";
  if (value >= 0.001) return value.toFixed(3);
  const [mantissa = "", exponent = ""] = value.toExponential(1).split("e");
  return `${mantissa} × 10${superscript(exponent.replace("+", ""))}`;
}

/** A feature's value, shortened. */
export function quantity(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e15)) return value.toExponential(2).replace("e+", "e").replaceAll("-", "−");
  // Large numbers, such as Unix times, often differ in their last digits only.
  if (size >= 1e6) return count(value).replace("-", "−");
  return new Intl.NumberFormat("en", { maximumSignificantDigits: size >= 1000 ? 6 : 4 }).format(value).replace("-", "−");
}

/** The labels of an axis, with enough digits to tell them apart. */
export function quantities(values: number[]): string[] {
  const short = values.map(quantity);
  for (let digits = 5; new Set(short).size < values.length && digits <= 15; digits += 1)
    values.forEach((value, index) => (short[index] = new Intl.NumberFormat("en", { maximumSignificantDigits: digits }).format(value)));
  return short;
}

// Dates are in English, as the page is. The clock has 24 hours, and the day comes first, so that no reader can mix up day and month.
const LOCALE = "en-GB";
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const dayAndYear = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric" });
const weekday = new Intl.DateTimeFormat(LOCALE, { weekday: "short" });

export const atClock = (time: Date): string => clock.format(time);
export const onDay = (time: Date): string => day.format(time);
export const onWeekday = (time: Date): string => weekday.format(time);

/** A time of the viewer's clock, such as "30 Nov, 23:41". The year is shown if it is not the current one. */
export function moment(at: string | number): string {
  const time = new Date(at);
  const date = time.getFullYear() === new Date().getFullYear() ? day.format(time) : dayAndYear.format(time);
  return `${date}, ${clock.format(time)}`;
}

const utcDays = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", timeZone: "UTC" });

/** An event day. Event days are days in UTC, so the viewer's time zone does not matter. */
export const utcDay = (text: string): string => utcDays.format(new Date(text));

export const utc = (at: string | number): string => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;

export function duration(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 1) return "under a minute";
  if (minutes < 90) return `${minutes} min`;
  const hours = minutes / 60;
  if (hours < 36) return `${Math.round(hours)} h`;
  return `${Math.round(hours / 24)} days`;
}

export function ago(text: string): string {
  const passed = Date.now() - new Date(text).getTime();
  if (passed < 0) return passed > -60_000 ? "now" : `in ${duration(-passed)}`;
  return passed < 60_000 ? "just now" : `${duration(passed)} ago`;
}

export const plural = (number: number, one: string, many = `${one}s`): string => `${count(number)} ${number === 1 ? one : many}`;
