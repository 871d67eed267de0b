"""The only reader of the environment. Each value is read when it is first asked for, and fails by its name."""

import os
from collections.abc import Mapping


class SettingError(RuntimeError):
    """A variable that the function needs is missing from its environment, or unusable."""


class Settings:
    """What the template tells a function. Raises SettingError, naming the variable, when one asked for is unusable."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def text(self, name: str, default: str | None = None) -> str:
        """The variable `name`; an empty one counts as missing, as CloudFormation cannot leave a variable out."""
        value = self._environ.get(name, "")
        if value:
            return value
        if default is None:
            raise SettingError(f"the environment variable {name} is not set")
        return default

    def number(self, name: str, default: int | None = None) -> int:
        value = self.text(name, None if default is None else str(default))
        try:
            return int(value)
        except ValueError:
            raise SettingError(f"the environment variable {name} must be a whole number, not {value!r}") from None

    def table(self, name: str) -> str | None:
        """The table name in `<NAME>_TABLE`, or None where this function has no business with that table."""
        return self.text(f"{name}_TABLE", "") or None

    @property
    def version(self) -> str:
        return self.text("VERSION", "0.0.0")

    @property
    def public_url(self) -> str:
        """Where people reach the API, without a slash at the end; empty on AWS behind the API's own domain."""
        return self.text("PUBLIC_URL", "").rstrip("/")

    @property
    def check_queue_url(self) -> str:
        return self.text("CHECK_QUEUE_URL")

    @property
    def erase_queue_url(self) -> str:
        return self.text("ERASE_QUEUE_URL")

    @property
    def retry_queue_url(self) -> str:
        return self.text("RETRY_QUEUE_URL")

    @property
    def alerts_topic_arn(self) -> str:
        return self.text("ALERTS_TOPIC_ARN")

    @property
    def schedule_rule_name(self) -> str:
        return self.text("SCHEDULE_RULE_NAME")

    @property
    def usage_plan_id(self) -> str:
        return self.text("USAGE_PLAN_ID")

    @property
    def ingest_partitions(self) -> int:
        return self.number("INGEST_PARTITIONS", 4)

    @property
    def history_retention_days(self) -> int:
        return self.number("HISTORY_RETENTION_DAYS", 400)

    @property
    def outgoing_endpoint(self) -> str:
        """Where every outgoing HTTP request is sent instead of its own address; empty on AWS."""
        return self.text("OUTGOING_ENDPOINT", "")

    @property
    def email_transport(self) -> str:
        value = self.text("EMAIL_TRANSPORT", "ses")
        if value not in ("ses", "smtp", "log"):
            raise SettingError(f"the environment variable EMAIL_TRANSPORT must be ses, smtp or log, not {value!r}")
        return value

    @property
    def email_from(self) -> str:
        return self.text("EMAIL_FROM")

    @property
    def smtp_host(self) -> str:
        return self.text("SMTP_HOST")

    @property
    def smtp_port(self) -> int:
        return self.number("SMTP_PORT", 587)

    @property
    def smtp_secret_arn(self) -> str:
        return self.text("SMTP_SECRET_ARN")

    def notify_function(self, notifier: str) -> str:
        """The name of the Lambda function of a notifier: email, slack or webhook."""
        return self.text(f"NOTIFY_{notifier.upper()}_FUNCTION")

    @property
    def email_queue_url(self) -> str:
        """The queue through which any notifier has e-mail sent."""
        return self.text("EMAIL_QUEUE_URL")
