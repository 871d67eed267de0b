"""The only module that reads environment variables. Each is read on use, and an error names the variable."""

import os
from collections.abc import Mapping


class SettingError(RuntimeError):
    """An environment variable that the function needs is missing or has a wrong value."""


class Environment:
    """The configuration of a function. Reading a missing or wrong variable raises SettingError with its name."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def text(self, name: str, default: str | None = None) -> str:
        """Return the variable `name`. An empty one counts as missing, because CloudFormation cannot omit a variable."""
        value = self._environ.get(name, "")
        if value:
            return value
        if default is None:
            raise SettingError(f"the environment variable {name} is not set; set it in the function's environment")
        return default

    def number(self, name: str, default: int | None = None) -> int:
        value = self.text(name, None if default is None else str(default))
        try:
            return int(value)
        except ValueError:
            raise SettingError(f"the environment variable {name} must be a whole number, not {value!r}") from None

    def table(self, name: str) -> str | None:
        """Return the table name in `<NAME>_TABLE`, or None if this function does not use the table."""
        return self.text(f"{name}_TABLE", "") or None

    @property
    def version(self) -> str:
        return self.text("VERSION", "0.0.0")

    @property
    def public_url(self) -> str:
        """The URL of the API for people, without a trailing slash. Empty if API Gateway's own domain serves it."""
        return self.text("PUBLIC_URL", "").rstrip("/")

    @property
    def check_queue_url(self) -> str:
        return self.text("CHECK_QUEUE_URL")

    @property
    def erase_queue_url(self) -> str:
        return self.text("ERASE_QUEUE_URL")

    @property
    def join_queue_url(self) -> str:
        return self.text("JOIN_QUEUE_URL")

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
        """The URL that receives every outgoing HTTP request instead of its real target. Empty on AWS."""
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
        """The queue to which every notifier sends its e-mail."""
        return self.text("EMAIL_QUEUE_URL")
